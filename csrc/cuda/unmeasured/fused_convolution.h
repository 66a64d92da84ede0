// The residual block's convolutions in the kernel of reflect_convolution.h in the place of cuDNN, where the environment
// variable I2I_CUDA_CONV asks for it. Nobody has measured it on a device yet, so it is never chosen otherwise.
#pragma once

#include <cstdlib>
#include <cstring>

#include "cuda/runtime/device_tensors.h"
#include "cuda/unmeasured/reflect_convolution.h"

namespace i2i::cuda {

// I2I_CUDA_CONV=fused; cudnn is what holds without it.
inline bool fused_convolution_asked_for() {
  const char* const asked = std::getenv("I2I_CUDA_CONV");
  if (asked == nullptr || std::strcmp(asked, "cudnn") == 0) return false;
  STD_TORCH_CHECK(std::strcmp(asked, "fused") == 0, "I2I_CUDA_CONV must be cudnn or fused; got '", asked, "'");
  return true;
}

// Refuses what the kernel cannot do.
inline void check_fused_convolution(const Shape& shape) {
  constexpr const char* instead = "; unset I2I_CUDA_CONV to convolve with cuDNN";
  STD_TORCH_CHECK(shape.type != Type::float32,
                  "I2I_CUDA_CONV=fused: tensor cores multiply float16 and bfloat16; x is float32", instead);
  const int capability = compute_capability();
  const int least = shape.type == Type::float16 ? 75 : 80;
  STD_TORCH_CHECK(
      capability >= least, "I2I_CUDA_CONV=fused: ",
      shape.type == Type::float16 ? "float16 needs compute capability 7.5" : "bfloat16 needs compute capability 8.0",
      " or newer; this device has ", capability / 10, ".", capability % 10, instead);
  const size_t bytes = reflect_convolution_shared_bytes(shape, true), limit = shared_memory_limit();
  STD_TORCH_CHECK(bytes <= limit, "I2I_CUDA_CONV=fused: ", shape.channels, " channels need ", bytes,
                  " bytes of shared memory a block; this device has ", limit, instead);
}

// convolution(reflection pad(x)) and the moments of its tiles.
struct FusedConvolution {
  Tensor out, tile_moments;

  explicit FusedConvolution(const Tensor& x, const Shape& shape)
      : out(empty_images(x, 0)), tile_moments(empty_on_device_of(x, {tile_moments_floats(shape)}, ScalarType::Float)) {}
};

// The filters as the kernel reads them: [channels of out, 3, 3, channels of x].
inline Tensor channels_last_weight(const Tensor& weight) {
  return torch::stable::contiguous(weight, MemoryFormat::ChannelsLast);
}

inline FusedConvolution fused_convolution(const Tensor& x, const Shape& shape, const Tensor& weight, void* stream) {
  const FusedConvolution made(x, shape);
  const Tensor filters = channels_last_weight(weight);
  check_launch("reflect_convolution",
               launch_reflect_convolution({shape, x.data_ptr(), filters.data_ptr(), nullptr, nullptr, nullptr, 0.0f,
                                           nullptr, nullptr, made.out.data_ptr(), floats(made.tile_moments)},
                                          stream));
  return made;
}

// The same of relu(norm(before.out)), whose mean and rstd are written.
inline FusedConvolution fused_convolution_of_norm(const FusedConvolution& before, const Shape& shape,
                                                  const Tensor& weight, const OptionalTensor& norm_weight,
                                                  const OptionalTensor& norm_bias, double eps, float* mean, float* rstd,
                                                  void* stream) {
  const FusedConvolution made(before.out, shape);
  const Tensor filters = channels_last_weight(weight);
  check_launch(
      "reflect_convolution",
      launch_reflect_convolution({shape, before.out.data_ptr(), filters.data_ptr(), floats(before.tile_moments),
                                  floats_or_null(norm_weight), floats_or_null(norm_bias), static_cast<float>(eps), mean,
                                  rstd, made.out.data_ptr(), floats(made.tile_moments)},
                                 stream));
  return made;
}

}  // namespace i2i::cuda
