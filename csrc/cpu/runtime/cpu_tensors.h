// What the CPU's operators check of torch's tensors, and how they make those of the results.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "tensors.h"

namespace i2i::cpu {

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

inline Tensor empty_float32(std::initializer_list<int64_t> sizes) {
  return torch::stable::empty(torch::headeronly::IntHeaderOnlyArrayRef(sizes.begin(), sizes.size()), ScalarType::Float);
}

inline Tensor empty_in_layout_of(const Tensor& tensor) {
  return torch::stable::empty(tensor.sizes(), tensor.scalar_type(), std::nullopt, std::nullopt, std::nullopt,
                              is_channels_last(tensor) ? MemoryFormat::ChannelsLast : MemoryFormat::Contiguous);
}

}  // namespace i2i::cpu
