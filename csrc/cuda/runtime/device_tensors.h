// What the CUDA operators do with torch's tensors: check them, bring them into the memory layout that the kernels read,
// make those of the results. Nothing here waits for the device.
#pragma once

#include <torch/csrc/stable/device.h>

#include <initializer_list>

#include "cuda/runtime/launchers.h"
#include "tensors.h"

#ifdef I2I_CUDA_ON_HOST
#include "device_on_host.h"
#else
#include "cuda/runtime/device.h"
#endif

namespace i2i::cuda {

inline Type type_of(const Tensor& tensor) {
  if (tensor.scalar_type() == ScalarType::Half) return Type::float16;
  return tensor.scalar_type() == ScalarType::BFloat16 ? Type::bfloat16 : Type::float32;
}

inline void check_device(const char* name, const Tensor& tensor, const Tensor& x) {
  STD_TORCH_CHECK(is_on_device(tensor) && tensor.get_device_index() == x.get_device_index(), name,
                  " must be on the device of x, cuda:", x.get_device_index(), "; move it there");
}

inline void check_cuda_images(const char* name, const Tensor& tensor) {
  STD_TORCH_CHECK(is_on_device(tensor), name, " must be on a CUDA device");
  STD_TORCH_CHECK(tensor.dim() == 4, name, " must have shape [N, C, H, W]; got ", shape_of(tensor));
  const ScalarType type = tensor.scalar_type();
  STD_TORCH_CHECK(type == ScalarType::Float || type == ScalarType::Half || type == ScalarType::BFloat16, name,
                  " must be float32, float16 or bfloat16 on CUDA; use impl='reference' for others");
}

// `tensor` must be like x, but for `border` more rows and columns.
inline void check_like(const char* name, const Tensor& tensor, const Tensor& x, int64_t border) {
  check_cuda_images(name, tensor);
  check_device(name, tensor, x);
  for (int64_t dim = 0; dim < 4; dim++) {
    const int64_t expected = x.size(dim) + (dim < 2 ? 0 : border);
    STD_TORCH_CHECK(tensor.size(dim) == expected, name, " must have ", expected, " entries in dimension ", dim,
                    ", for x of shape ", shape_of(x), "; got ", shape_of(tensor));
  }
  STD_TORCH_CHECK(tensor.scalar_type() == x.scalar_type(), name, " must have the dtype of x; got another");
}

// The tensor in the order of values in memory of x, which is dense; a copy where it lies otherwise.
inline Tensor in_layout_of(const Tensor& x, const Tensor& tensor) {
  if (is_channels_last(x))
    return is_channels_last(tensor) ? tensor : torch::stable::contiguous(tensor, MemoryFormat::ChannelsLast);
  return tensor.is_contiguous() ? tensor : torch::stable::contiguous(tensor);
}

// Not initialised; dtype, device and order in memory of x, which is dense.
inline Tensor empty_images(const Tensor& x, int64_t border) {
  const int64_t sizes[] = {x.size(0), x.size(1), x.size(2) + border, x.size(3) + border};
  return torch::stable::empty({sizes, 4}, x.scalar_type(), std::nullopt, x.device(), std::nullopt,
                              is_channels_last(x) ? MemoryFormat::ChannelsLast : MemoryFormat::Contiguous);
}

inline Tensor empty_on_device_of(const Tensor& x, std::initializer_list<int64_t> sizes, ScalarType type) {
  return torch::stable::empty({sizes.begin(), sizes.size()}, type, std::nullopt, x.device());
}

inline Shape shape_for_kernels(const Tensor& x, int64_t pad) {
  STD_TORCH_CHECK(pad >= 0, "pad must be at least 0; got ", pad);
  STD_TORCH_CHECK(pad == 0 || (pad < x.size(2) && pad < x.size(3)),
                  "pad must be less than height and width of x, to reflect it; got ", pad, " for x of shape ",
                  shape_of(x));
  constexpr int64_t most = 1 << 30;
  const int64_t padded = (x.size(2) + 2 * pad) * (x.size(3) + 2 * pad);
  STD_TORCH_CHECK(x.size(2) > 0 && x.size(3) > 0 && x.size(2) < most && x.size(3) < most && padded < most,
                  "x must have planes of 1 to 2^30 - 1 elements, padding included; got ", shape_of(x), " and pad ",
                  pad);
  STD_TORCH_CHECK(x.size(1) < most && x.size(0) * x.size(1) < most, "x must have less than 2^30 planes; got ",
                  shape_of(x));
  return {x.size(0),
          static_cast<int>(x.size(1)),
          static_cast<int>(x.size(2)),
          static_cast<int>(x.size(3)),
          static_cast<int>(pad),
          is_channels_last(x),
          type_of(x)};
}

// After every launch.
inline void check_launch(const char* kernel, int error) {
  STD_TORCH_CHECK(error == 0, kernel, " could not be launched: ", error_text(error),
                  " (an error of an earlier kernel may show here; CUDA_LAUNCH_BLOCKING=1 shows it where it arises)");
}

inline const void* data_or_null(const OptionalTensor& tensor) { return tensor ? tensor->data_ptr() : nullptr; }

}  // namespace i2i::cuda
