// Instance norm, activation and reflection padding: the operators for tensors on CUDA devices.
#include <torch/csrc/stable/library.h>

#include <string>
#include <tuple>

#include "cuda/instance_norm/instance_norm_tensors.h"

namespace i2i::cuda {

namespace {

// Of negative values: 1 for no activation.
float slope_of(const std::string& act, double negative_slope) {
  if (act == "none") return 1.0f;
  if (act == "relu") return 0.0f;
  STD_TORCH_CHECK(act == "leaky_relu", "act must be one of 'none', 'relu', 'leaky_relu'; got '", act, "'");
  return static_cast<float>(negative_slope);
}

std::tuple<Tensor, Tensor, Tensor> instance_norm_act(const Tensor& x, const OptionalTensor& weight,
                                                     const OptionalTensor& bias, double eps, std::string act,
                                                     double negative_slope, int64_t pad) {
  const NormCall call(After::activation, x, weight, bias, pad);
  const float slope = slope_of(act, negative_slope);
  const OnDeviceOf device(call.x);
  const Tensor out = call.empty_output(), mean = call.empty_statistics(), rstd = call.empty_statistics();
  call.forward(nullptr, eps, slope, false, out, floats(mean), floats(rstd), device.stream());
  return {out, mean, rstd};
}

std::tuple<Tensor, Tensor, Tensor> instance_norm_act_backward(const Tensor& gradient, const Tensor& x,
                                                              const OptionalTensor& weight, const OptionalTensor& bias,
                                                              const Tensor& mean, const Tensor& rstd, std::string act,
                                                              double negative_slope, int64_t pad) {
  const NormCall call(After::activation, x, weight, bias, pad);
  const float slope = slope_of(act, negative_slope);
  const OnDeviceOf device(call.x);
  const Tensor images = call.images("grad", gradient, true);
  const Tensor means = call.statistics("mean", mean), rstds = call.statistics("rstd", rstd);
  const Tensor dx = empty_images(call.x, 0);
  const Tensor dweight = call.empty_parameter_gradient(), dbias = call.empty_parameter_gradient();
  call.backward(images, slope, floats(means), floats(rstds), dx, nullptr, dweight, dbias, device.stream());
  return {dx, dweight, dbias};
}

}  // namespace

}  // namespace i2i::cuda

STABLE_TORCH_LIBRARY_IMPL(i2i, CUDA, library) {
  library.impl("instance_norm_act", TORCH_BOX(&i2i::cuda::instance_norm_act));
  library.impl("instance_norm_act_backward", TORCH_BOX(&i2i::cuda::instance_norm_act_backward));
}
