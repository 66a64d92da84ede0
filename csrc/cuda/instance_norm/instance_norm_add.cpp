// Instance norm, a skip connection and reflection padding: the operators for tensors on CUDA devices.
#include <torch/csrc/stable/library.h>

#include <tuple>

#include "cuda/instance_norm/instance_norm_tensors.h"

namespace i2i::cuda {

namespace {

std::tuple<Tensor, Tensor, Tensor> instance_norm_add(const Tensor& x, const Tensor& skip, const OptionalTensor& weight,
                                                     const OptionalTensor& bias, double eps, int64_t pad) {
  const NormCall call(After::skip, x, weight, bias, pad);
  const OnDeviceOf device(call.x);
  const Tensor added = call.images("skip", skip, false);
  const Tensor out = call.empty_output(), mean = call.empty_statistics(), rstd = call.empty_statistics();
  call.forward(added.data_ptr(), eps, 1.0f, false, out, floats(mean), floats(rstd), device.stream());
  return {out, mean, rstd};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> instance_norm_add_backward(const Tensor& gradient, const Tensor& x,
                                                                      const OptionalTensor& weight, const Tensor& mean,
                                                                      const Tensor& rstd, int64_t pad) {
  const NormCall call(After::skip, x, weight, std::nullopt, pad);
  const OnDeviceOf device(call.x);
  const Tensor images = call.images("grad", gradient, true);
  const Tensor means = call.statistics("mean", mean), rstds = call.statistics("rstd", rstd);
  const Tensor dx = empty_images(call.x, 0), dskip = empty_images(call.x, 0);
  const Tensor dweight = call.empty_parameter_gradient(), dbias = call.empty_parameter_gradient();
  call.backward(images, 1.0f, floats(means), floats(rstds), dx, dskip.data_ptr(), dweight, dbias, device.stream());
  return {dx, dskip, dweight, dbias};
}

}  // namespace

}  // namespace i2i::cuda

STABLE_TORCH_LIBRARY_IMPL(i2i, CUDA, library) {
  library.impl("instance_norm_add", TORCH_BOX(&i2i::cuda::instance_norm_add));
  library.impl("instance_norm_add_backward", TORCH_BOX(&i2i::cuda::instance_norm_add_backward));
}
