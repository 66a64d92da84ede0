// Occupancy of kernels by CUDA's own calculator (cuda_occupancy.h), for the blocks that csrc/cuda/plan.h makes.
//
//   occupancy < LINES
//
// A line: major minor threads_of_a_multiprocessor shared_bytes_of_a_multiprocessor shared_bytes_of_a_block
//         registers static_shared_bytes kind
// kind: "forward" and "backward" for the resident kernels, which take every plane that fits; else the threads of a
// block, which has no dynamic shared memory. Writes, for each line, the least share of the multiprocessor's threads
// that can be busy, the threads of that block, its dynamic shared memory and the side of the plane (0: any).
#include <cuda_occupancy.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cuda/runtime/plan.h"

namespace {

using i2i::cuda::Plan;
using i2i::cuda::Shape;
using i2i::cuda::Type;

struct Least {
  double occupancy = 2;
  int threads = 0, side = 0;
  size_t shared_bytes = 0;
};

double occupancy(const cudaOccDeviceProp& device, const cudaOccFuncAttributes& kernel, int threads, size_t shared) {
  cudaOccDeviceState state;
  state.carveoutConfig = SHAREDMEM_CARVEOUT_MAX_SHARED;
  cudaOccResult result{};
  if (cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &kernel, &state, threads, shared) != CUDA_OCC_SUCCESS) {
    fprintf(stderr, "cuda_occupancy.h does not know compute capability %d.%d\n", device.computeMajor,
            device.computeMinor);
    exit(1);
  }
  return static_cast<double>(result.activeBlocksPerMultiprocessor) * threads / device.maxThreadsPerMultiprocessor;
}

// Over all square planes that one block holds, with paddings of 0 to 3 and values of 2 and 4 bytes.
Least least_of_residents(const cudaOccDeviceProp& device, const cudaOccFuncAttributes& kernel, bool backward) {
  Least least;
  for (const Type type : {Type::float16, Type::float32}) {
    for (int padding = 0; padding <= 3; ++padding) {
      for (int side = padding + 1;; ++side) {
        const Shape shape{1, 1, side, side, padding, false, type};
        const size_t limit = device.sharedMemPerBlockOptin;
        const Plan plan =
            backward ? i2i::cuda::plan_backward(shape, limit) : i2i::cuda::plan_forward(shape, false, limit);
        if (plan.path != i2i::cuda::Path::resident) break;
        const double now = occupancy(device, kernel, plan.threads, plan.shared_bytes);
        if (now < least.occupancy) least = {now, plan.threads, side, plan.shared_bytes};
      }
    }
  }
  return least;
}

}  // namespace

int main() {
  cudaOccDeviceProp device;
  device.maxThreadsPerBlock = 1024;
  device.regsPerBlock = device.regsPerMultiprocessor = 64 << 10;
  device.warpSize = 32;
  device.sharedMemPerBlock = 48 << 10;
  device.numSms = 1;
  cudaOccFuncAttributes kernel;
  kernel.maxThreadsPerBlock = 1024;
  kernel.partitionedGCConfig = PARTITIONED_GC_OFF;
  kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
  kernel.numBlockBarriers = 1;
  char kind[16];
  while (scanf("%d %d %d %zu %zu %d %zu %15s", &device.computeMajor, &device.computeMinor,
               &device.maxThreadsPerMultiprocessor, &device.sharedMemPerMultiprocessor, &device.sharedMemPerBlockOptin,
               &kernel.numRegs, &kernel.sharedSizeBytes, kind) == 8) {
    device.reservedSharedMemPerBlock = device.computeMajor < 8 ? 0 : 1 << 10;
    kernel.maxDynamicSharedSizeBytes = device.sharedMemPerBlockOptin - kernel.sharedSizeBytes;
    Least least;
    if (strcmp(kind, "forward") == 0 || strcmp(kind, "backward") == 0)
      least = least_of_residents(device, kernel, strcmp(kind, "backward") == 0);
    else
      least = {occupancy(device, kernel, atoi(kind), 0), atoi(kind), 0, 0};
    printf("%.4f %d %zu %d\n", least.occupancy, least.threads, least.shared_bytes, least.side);
  }
  return 0;
}
