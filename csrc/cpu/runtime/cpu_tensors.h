// What the operators read of torch's tensors: memory layout, dtype, and checks that say what was expected and what
// came.
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

inline void check_images(const char* name, const Tensor& tensor) {
  STD_TORCH_CHECK(tensor.dim() == 4, name, " must have shape [N, C, H, W]; got ", shape_of(tensor));
  STD_TORCH_CHECK(is_float32(tensor) || tensor.scalar_type() == ScalarType::BFloat16, name,
                  " must be float32 or bfloat16 on the CPU; use impl='reference' for others");
}

inline void check_same_images(const char* name, const Tensor& tensor, const Tensor& x) {
  check_images(name, tensor);
  for (int64_t dim = 0; dim < 4; dim++) {
    STD_TORCH_CHECK(tensor.size(dim) == x.size(dim), name, " must have the shape ", shape_of(x), " of x; got ",
                    shape_of(tensor));
  }
  STD_TORCH_CHECK(tensor.scalar_type() == x.scalar_type(), name, " must have the dtype of x; got another");
}

// The tensor itself where a kernel can read it, else a contiguous copy.
inline Tensor dense(const Tensor& tensor) {
  return tensor.is_contiguous() || is_channels_last(tensor) ? tensor : torch::stable::contiguous(tensor);
}

inline Tensor contiguous_float32(const Tensor& tensor) {
  const Tensor converted = is_float32(tensor) ? tensor : torch::stable::to(tensor, ScalarType::Float);
  return converted.is_contiguous() ? converted : torch::stable::contiguous(converted);
}

inline std::optional<Tensor> contiguous_float32(const std::optional<Tensor>& tensor) {
  if (!tensor) return std::nullopt;
  return contiguous_float32(*tensor);
}

inline Tensor empty_float32(std::initializer_list<int64_t> sizes) {
  return torch::stable::empty(torch::headeronly::IntHeaderOnlyArrayRef(sizes.begin(), sizes.size()), ScalarType::Float);
}

inline Tensor empty_in_layout_of(const Tensor& tensor) {
  return torch::stable::empty(tensor.sizes(), tensor.scalar_type(), std::nullopt, std::nullopt, std::nullopt,
                              is_channels_last(tensor) ? MemoryFormat::ChannelsLast : MemoryFormat::Contiguous);
}

inline float* floats(const Tensor& tensor) { return static_cast<float*>(tensor.data_ptr()); }
inline const float* floats_or_null(const std::optional<Tensor>& tensor) { return tensor ? floats(*tensor) : nullptr; }

}  // namespace i2i
