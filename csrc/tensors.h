// What the operators of all devices read of torch's tensors: memory layout, dtype, and checks that say what was
// expected and what came.
#pragma once

#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/MemoryFormat.h>
#include <torch/headeronly/core/ScalarType.h>
#include <torch/headeronly/util/Exception.h>

#include <cstdint>
#include <optional>
#include <string>

namespace i2i {

using torch::headeronly::MemoryFormat;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using OptionalTensor = std::optional<Tensor>;

inline std::string shape_of(const Tensor& tensor) {
  std::string text = "[";
  for (int64_t dim = 0; dim < tensor.dim(); dim++) text += (dim ? ", " : "") + std::to_string(tensor.size(dim));
  return text + "]";
}

inline bool is_float32(const Tensor& tensor) { return tensor.scalar_type() == ScalarType::Float; }

// Dense in the order N, H, W, C. A tensor that is dense in the order N, C, H, W as well counts as contiguous.
inline bool is_channels_last(const Tensor& tensor) {
  if (tensor.is_contiguous()) return false;
  const int64_t expected[4] = {tensor.size(1) * tensor.size(2) * tensor.size(3), 1, tensor.size(1) * tensor.size(3),
                               tensor.size(1)};
  for (int64_t dim = 0; dim < 4; dim++) {
    if (tensor.size(dim) > 1 && tensor.stride(dim) != expected[dim]) return false;
  }
  return true;
}

// The tensor itself where a kernel can read it, else a contiguous copy.
inline Tensor dense(const Tensor& tensor) {
  return tensor.is_contiguous() || is_channels_last(tensor) ? tensor : torch::stable::contiguous(tensor);
}

inline Tensor contiguous_float32(const Tensor& tensor) {
  const Tensor converted = is_float32(tensor) ? tensor : torch::stable::to(tensor, ScalarType::Float);
  return converted.is_contiguous() ? converted : torch::stable::contiguous(converted);
}

inline OptionalTensor contiguous_float32(const OptionalTensor& tensor) {
  return tensor ? OptionalTensor(contiguous_float32(*tensor)) : std::nullopt;
}

// Filters of a 3x3 convolution from as many channels to as many.
inline void check_filters(const char* name, const Tensor& weight, int64_t channels) {
  STD_TORCH_CHECK(weight.dim() == 4 && weight.size(0) == channels && weight.size(1) == channels &&
                      weight.size(2) == 3 && weight.size(3) == 3,
                  name, " must have shape [", channels, ", ", channels, ", 3, 3], for the channels of x; got ",
                  shape_of(weight));
}

// A scale or a shift of an instance norm.
inline void check_affine(const char* name, const Tensor& parameter, int64_t channels) {
  STD_TORCH_CHECK(parameter.dim() == 1 && parameter.size(0) == channels, name, " must have shape [", channels,
                  "]; got ", shape_of(parameter));
}

inline OptionalTensor checked_float32_affine(const char* name, const OptionalTensor& parameter, int64_t channels) {
  if (parameter) check_affine(name, *parameter, channels);
  return contiguous_float32(parameter);
}

inline float* floats(const Tensor& tensor) { return static_cast<float*>(tensor.data_ptr()); }
inline const float* floats_or_null(const OptionalTensor& tensor) { return tensor ? floats(*tensor) : nullptr; }

}  // namespace i2i
