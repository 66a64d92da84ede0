// Instance norm, activation and reflection padding: the operators for tensors on the CPU.
#include <torch/csrc/stable/library.h>

#include <string>
#include <tuple>

#include "cpu/instance_norm/instance_norm_tensors.h"

namespace i2i::cpu {

namespace {

AfterNorm activation_of(const std::string& act) {
  if (act == "none") return AfterNorm::kNothing;
  if (act == "relu") return AfterNorm::kRelu;
  STD_TORCH_CHECK(act == "leaky_relu", "act must be one of 'none', 'relu', 'leaky_relu'; got '", act, "'");
  return AfterNorm::kLeakyRelu;
}

std::tuple<Tensor, Tensor, Tensor> instance_norm_act(const Tensor& x, const OptionalTensor& weight,
                                                     const OptionalTensor& bias, double eps, std::string act,
                                                     double negative_slope, int64_t pad) {
  const NormArguments norm(x, weight, bias, pad);
  const AfterNorm activation = activation_of(act);
  const Tensor out = norm.empty_output(), mean = norm.empty_statistics(), rstd = norm.empty_statistics();
  norm.kernels.forward(
      {norm.shape, activation, static_cast<float>(negative_slope), eps, norm.x.data_ptr(), nullptr,
       floats_or_null(norm.weight), floats_or_null(norm.bias), out.data_ptr(), floats(mean), floats(rstd)},
      norm.parallel);
  return {out, mean, rstd};
}

std::tuple<Tensor, Tensor, Tensor> instance_norm_act_backward(const Tensor& gradient, const Tensor& x,
                                                              const OptionalTensor& weight, const OptionalTensor& bias,
                                                              const Tensor& mean, const Tensor& rstd, std::string act,
                                                              double negative_slope, int64_t pad) {
  const NormArguments norm(x, weight, bias, pad);
  const AfterNorm activation = activation_of(act);
  const Tensor gradient_images = norm.images("grad", gradient, true);
  const Tensor means = norm.statistics("mean", mean), rstds = norm.statistics("rstd", rstd);
  const Tensor dx = empty_in_layout_of(norm.x);
  const Tensor dweight = norm.empty_gradient(weight.has_value()), dbias = norm.empty_gradient(bias.has_value());
  norm.kernels.backward(
      {norm.shape, activation, static_cast<float>(negative_slope), gradient_images.data_ptr(), norm.x.data_ptr(),
       floats_or_null(norm.weight), floats_or_null(norm.bias), floats(means), floats(rstds), dx.data_ptr(), nullptr,
       data_or_null(dweight, weight.has_value()), data_or_null(dbias, bias.has_value())},
      norm.parallel);
  return {dx, in_dtype_of(dweight, weight), in_dtype_of(dbias, bias)};
}

}  // namespace

}  // namespace i2i::cpu

STABLE_TORCH_LIBRARY_IMPL(i2i, CPU, library) {
  library.impl("instance_norm_act", TORCH_BOX(&i2i::cpu::instance_norm_act));
  library.impl("instance_norm_act_backward", TORCH_BOX(&i2i::cpu::instance_norm_act_backward));
}
