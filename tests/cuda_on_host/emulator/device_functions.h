// CUDA's built-in variables and functions, as far as the kernels use them.
#pragma once

#include <cmath>

#include "block.h"
#include "synchronisation.h"

#define threadIdx (cuda_on_host::self().index)
#define blockIdx (cuda_on_host::self().block->index)
#define blockDim (cuda_on_host::self().block->size)
#define gridDim (cuda_on_host::self().block->grid)

inline void __syncthreads(CUDA_ON_HOST_PLACE) { cuda_on_host::barrier(0, "__syncthreads", file, line); }
inline int __syncthreads_count(int predicate, CUDA_ON_HOST_PLACE) {
  return cuda_on_host::barrier(predicate, "__syncthreads_count", file, line);
}
inline int __syncthreads_or(int predicate, CUDA_ON_HOST_PLACE) {
  return cuda_on_host::barrier(predicate, "__syncthreads_or", file, line) > 0;
}
inline int __syncthreads_and(int predicate, CUDA_ON_HOST_PLACE) {
  return cuda_on_host::barrier(predicate == 0, "__syncthreads_and", file, line) == 0;
}

namespace cuda_on_host {
inline void do_nothing(void* const*, unsigned) {}
}  // namespace cuda_on_host

inline void __syncwarp(unsigned mask = 0xffffffffu, CUDA_ON_HOST_PLACE) {
  cuda_on_host::release_warp();
  cuda_on_host::warp_operation(mask, nullptr, cuda_on_host::do_nothing, "__syncwarp", file, line);
  cuda_on_host::acquire_warp();
}

// `width` is a power of two up to 32: lanes shuffle within groups of that size. Where the source would lie outside the
// group a lane takes its own value.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, CUDA_ON_HOST_PLACE) {
  const int lane = cuda_on_host::self().number % 32, group = lane & ~(width - 1);
  return cuda_on_host::shuffle(mask, value, group + (source & (width - 1)), "__shfl_sync", file, line);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int distance, int width = 32, CUDA_ON_HOST_PLACE) {
  const int lane = cuda_on_host::self().number % 32, source = lane ^ distance;
  const bool outside = source >= (lane & ~(width - 1)) + width;
  return cuda_on_host::shuffle(mask, value, outside ? lane : source, "__shfl_xor_sync", file, line);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32, CUDA_ON_HOST_PLACE) {
  const int lane = cuda_on_host::self().number % 32, source = lane + static_cast<int>(distance);
  const bool outside = source >= (lane & ~(width - 1)) + width;
  return cuda_on_host::shuffle(mask, value, outside ? lane : source, "__shfl_down_sync", file, line);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32, CUDA_ON_HOST_PLACE) {
  const int lane = cuda_on_host::self().number % 32, source = lane - static_cast<int>(distance);
  const bool outside = source < (lane & ~(width - 1));
  return cuda_on_host::shuffle(mask, value, outside ? lane : source, "__shfl_up_sync", file, line);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, CUDA_ON_HOST_PLACE) {
  return cuda_on_host::ballot(mask, predicate, "__ballot_sync", file, line);
}
inline int __any_sync(unsigned mask, int predicate, CUDA_ON_HOST_PLACE) {
  return cuda_on_host::ballot(mask, predicate, "__any_sync", file, line) != 0;
}
inline int __all_sync(unsigned mask, int predicate, CUDA_ON_HOST_PLACE) {
  return cuda_on_host::ballot(mask, predicate == 0, "__all_sync", file, line) == 0;
}

inline float rsqrtf(float value) { return 1.0f / std::sqrt(value); }
inline float __fdividef(float numerator, float denominator) { return numerator / denominator; }
