// PyTorch's own convolution (cuDNN, on CUDA), through the dispatcher: unpadded, stride 1, without bias.
#pragma once

#include <torch/csrc/stable/stableivalue_conversions.h>
#include <torch/csrc/stable/version.h>

#include <array>
#include <utility>
#include <vector>

#include "tensors.h"

namespace i2i::cuda {

// [N, C, H, W] and [D, C, kernel, kernel] -> [N, D, H - kernel + 1, W - kernel + 1]
inline Tensor convolution(const Tensor& x, const Tensor& weight) {
  using torch::stable::detail::from;
  const std::vector<int64_t> one{1, 1}, zero{0, 0};
  std::array<StableIValue, 9> stack{from(x),   from(weight), from(std::nullopt), from(one),       from(zero),
                                    from(one), from(false),  from(zero),         from(int64_t{1})};
  STABLE_TORCH_ERROR_CODE_CHECK(torch_call_dispatcher("aten::convolution", "", stack.data(), TORCH_ABI_VERSION));
  return torch::stable::detail::to<Tensor>(stack[0]);
}

// Gradients of x and, where wanted, of the weight; else that one is undefined and no value of x is read.
inline std::pair<Tensor, Tensor> convolution_backward(const Tensor& gradient, const Tensor& x, const Tensor& weight,
                                                      bool weight_gradient) {
  using torch::headeronly::HeaderOnlyArrayRef;
  using torch::stable::detail::from;
  const std::vector<int64_t> one{1, 1}, zero{0, 0};
  const std::array<bool, 3> wanted{true, weight_gradient, false};  // of x, the weight, a bias
  std::array<StableIValue, 11> stack{from(gradient),
                                     from(x),
                                     from(weight),
                                     from(std::nullopt),
                                     from(one),
                                     from(zero),
                                     from(one),
                                     from(false),
                                     from(zero),
                                     from(int64_t{1}),
                                     from(HeaderOnlyArrayRef<bool>(wanted.data(), 3))};
  STABLE_TORCH_ERROR_CODE_CHECK(
      torch_call_dispatcher("aten::convolution_backward", "", stack.data(), TORCH_ABI_VERSION));
  // All three come as handles that have to be taken, the undefined ones as well.
  Tensor dx = torch::stable::detail::to<Tensor>(stack[0]);
  Tensor dweight = torch::stable::detail::to<Tensor>(stack[1]);
  torch::stable::detail::to<Tensor>(stack[2]);
  return {std::move(dx), std::move(dweight)};
}

}  // namespace i2i::cuda
