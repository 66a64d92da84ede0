// What follows the normalisation in instance_norm_add: the addition of the skip connection.
#pragma once

#include "cuda/runtime/platform.cuh"

namespace i2i::cuda {

struct Addition {
  static constexpr bool kAddsSkip = true;

  __device__ __forceinline__ float forward(float value, float skip) const { return value + skip; }
  __device__ __forceinline__ float backward(float /*value*/, float gradient) const { return gradient; }
};

}  // namespace i2i::cuda
