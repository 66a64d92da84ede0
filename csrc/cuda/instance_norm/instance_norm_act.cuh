// What follows the normalisation in instance_norm_act: ReLU, LeakyReLU or nothing.
#pragma once

#include "cuda/runtime/platform.cuh"

namespace i2i::cuda {

struct Activation {
  static constexpr bool kAddsSkip = false;

  float negative_slope;  // 0 for ReLU, 1 for none

  // A comparison that NaN fails keeps NaN, as PyTorch does; a slope of 0 is not multiplied, so that infinity gives 0.
  __device__ __forceinline__ float scaled(float value) const {
    return negative_slope == 0.0f ? 0.0f : negative_slope * value;
  }
  __device__ __forceinline__ float forward(float value, float /*skip*/) const {
    return value < 0.0f ? scaled(value) : value;
  }
  // `value` is the activation's input; at 0 the slope of the negative side counts, as in PyTorch.
  __device__ __forceinline__ float backward(float value, float gradient) const {
    return value <= 0.0f ? scaled(gradient) : gradient;
  }
};

}  // namespace i2i::cuda
