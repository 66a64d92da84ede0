// Small kernels that show what the emulator does and what it reports: test_emulator.py runs one by its name.
//
//   emulator_kernels NAME [order [seed]]
//
// Ends with 0 when the result is right, 2 when it is wrong, 3 with the emulator's words.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cuda_on_host.h"

namespace {

std::vector<int> results(64);

// The sum of lane numbers, by shuffles over halves of a warp.
void shuffles() {
  int sum = static_cast<int>(threadIdx.x % 32);
  for (int distance = 8; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance, 16);
  results[threadIdx.x] = __shfl_sync(0xffffffffu, sum, 16) + __shfl_down_sync(0xffffffffu, sum, 16);
}
bool shuffles_are_right() { return results[0] == 376 + 376 && results[31] == 376 + 376; }

// Votes of a warp and of a block.
void votes() {
  const unsigned odd = __ballot_sync(0xffffffffu, threadIdx.x % 2);
  const bool all = __all_sync(0xffffffffu, odd == 0xaaaaaaaau);
  results[threadIdx.x] = all && __any_sync(0xffffffffu, threadIdx.x % 32 == 5) + __syncthreads_count(threadIdx.x < 40);
}
bool votes_are_right() { return results[63] == 1; }

// Values handed on within a warp through shared memory: right only with __syncwarp.
__shared__ int handed[64];
void hand_on() {
  handed[threadIdx.x] = static_cast<int>(threadIdx.x);
#ifndef WITHOUT_SYNCWARP
  __syncwarp();
#endif
  results[threadIdx.x] = handed[threadIdx.x ^ 1];
}
bool hand_on_is_right() {
  for (int i = 0; i < 64; ++i) {
    if (results[i] != (i ^ 1)) return false;
  }
  return true;
}

// One half of a warp by itself, the other elsewhere: allowed, with a mask that says so.
void half_a_warp() {
  results[threadIdx.x] = -1;
  if (threadIdx.x % 32 < 16) results[threadIdx.x] = __shfl_sync(0x0000ffffu, static_cast<int>(threadIdx.x), 3);
}
bool half_a_warp_is_right() { return results[7] == 3 && results[20] == -1 && results[33] == 35; }

// d = a b for the 16x16 matrix a of ones and b[k][column] = k: every element is 120.
void product() {
  const uint32_t one = 0x3c003c00u;  // two halves of 1.0
  const int pair = static_cast<int>(threadIdx.x) % 4;
  const __half2 low = __floats2half2_rn(2.0f * pair, 2.0f * pair + 1),
                high = __floats2half2_rn(2.0f * pair + 8, 2.0f * pair + 9);
  const uint32_t a[4] = {one, one, one, one};
  uint32_t b[2];
  std::memcpy(&b[0], &low, 4);
  std::memcpy(&b[1], &high, 4);
  float d[4] = {};
  cuda_on_host::mma_m16n8k16<__half>(d, a, b);
  results[threadIdx.x] = static_cast<int>(d[0] + d[1] + d[2] + d[3]);
}
bool product_is_right() { return results[0] == 480 && results[31] == 480; }

bool nothing() { return true; }

// What must be reported.
void lane_outside_its_mask() { __shfl_sync(0x0000ffffu, 1, 0); }
void shuffle_from_outside() {
  if (threadIdx.x % 32 < 16) __shfl_sync(0x0000ffffu, 1, 20);
}
void different_masks() {
  if (threadIdx.x % 32 < 16)
    __shfl_sync(0xffffffffu, 1, 0);
  else
    __shfl_sync(0xffff0000u, 1, 16);
}
void different_barriers() {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}
void exit_before_barrier() {
  if (threadIdx.x == 3) return;
  __syncthreads();
}
void warp_waits_for_barrier() {
  if (threadIdx.x == 3)
    __syncthreads();
  else
    __syncwarp();
}
void misaligned() {
  static float memory[8];
  cuda_on_host::count_read(reinterpret_cast<char*>(memory) + 4, 16);
}
void stray() {
  static int mine, other;
  cuda_on_host::allow_memory(&mine, sizeof mine, true);
  cuda_on_host::count_write(&other, sizeof other);
}
// Shared memory of the block before must not be there any more.
__shared__ int left_behind;
void garbage() {
  if (threadIdx.x == 0) {
    results[blockIdx.x] = left_behind == 77;
    left_behind = 77;
  }
}
bool garbage_is_right() { return results[0] == 0 && results[1] == 0; }

struct Kernel {
  void (*run)();
  bool (*right)();
};
const std::map<std::string, Kernel> kKernels = {
    {"shuffles", {shuffles, shuffles_are_right}},
    {"votes", {votes, votes_are_right}},
    {"hand_on", {hand_on, hand_on_is_right}},
    {"half_a_warp", {half_a_warp, half_a_warp_is_right}},
    {"product", {product, product_is_right}},
    {"garbage", {garbage, garbage_is_right}},
    {"lane_outside_its_mask", {lane_outside_its_mask, nothing}},
    {"shuffle_from_outside", {shuffle_from_outside, nothing}},
    {"different_masks", {different_masks, nothing}},
    {"different_barriers", {different_barriers, nothing}},
    {"exit_before_barrier", {exit_before_barrier, nothing}},
    {"warp_waits_for_barrier", {warp_waits_for_barrier, nothing}},
    {"misaligned", {misaligned, nothing}},
    {"stray", {stray, nothing}},
};

}  // namespace

int main(int count, char** arguments) {
  const Kernel& kernel = kKernels.at(arguments[1]);
  cuda_on_host::Options& options = cuda_on_host::options();
  if (count > 2) options.order = static_cast<cuda_on_host::Options::Order>(atoi(arguments[2]));
  if (count > 3) options.seed = static_cast<unsigned>(atoi(arguments[3]));
  const bool product_alone = std::string(arguments[1]) == "product";
  cuda_on_host::Traffic traffic;
  try {
    cuda_on_host::run_grid(dim3(2), dim3(product_alone ? 32 : 64), 0, kernel.run, traffic);
  } catch (const std::exception& error) {
    printf("%s\n", error.what());
    return 3;
  }
  return kernel.right() ? 0 : 2;
}
