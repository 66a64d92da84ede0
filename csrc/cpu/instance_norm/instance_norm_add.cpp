// Instance norm, a skip connection and reflection padding: the operators for tensors on the CPU.
#include <torch/csrc/stable/library.h>

#include <tuple>

#include "cpu/instance_norm/instance_norm_tensors.h"

namespace i2i::cpu {

namespace {

std::tuple<Tensor, Tensor, Tensor> instance_norm_add(const Tensor& x, const Tensor& skip, const OptionalTensor& weight,
                                                     const OptionalTensor& bias, double eps, int64_t pad) {
  const NormArguments norm(x, weight, bias, pad);
  const Tensor added = norm.images("skip", skip, false);
  const Tensor out = norm.empty_output(), mean = norm.empty_statistics(), rstd = norm.empty_statistics();
  norm.kernels.forward(
      {norm.shape, AfterNorm::kAddSkip, 0.f, eps, norm.x.data_ptr(), added.data_ptr(), floats_or_null(norm.weight),
       floats_or_null(norm.bias), out.data_ptr(), floats(mean), floats(rstd)},
      norm.parallel);
  return {out, mean, rstd};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> instance_norm_add_backward(const Tensor& gradient, const Tensor& x,
                                                                      const OptionalTensor& weight, const Tensor& mean,
                                                                      const Tensor& rstd, int64_t pad) {
  const NormArguments norm(x, weight, std::nullopt, pad);
  const Tensor gradient_images = norm.images("grad", gradient, true);
  const Tensor means = norm.statistics("mean", mean), rstds = norm.statistics("rstd", rstd);
  const bool affine = weight.has_value();
  const Tensor dx = empty_in_layout_of(norm.x), dskip = empty_in_layout_of(norm.x);
  const Tensor dweight = norm.empty_gradient(affine), dbias = norm.empty_gradient(affine);
  norm.kernels.backward({norm.shape, AfterNorm::kAddSkip, 0.f, gradient_images.data_ptr(), norm.x.data_ptr(),
                         floats_or_null(norm.weight), nullptr, floats(means), floats(rstds), dx.data_ptr(),
                         dskip.data_ptr(), data_or_null(dweight, affine), data_or_null(dbias, affine)},
                        norm.parallel);
  return {dx, dskip, in_dtype_of(dweight, weight), in_dtype_of(dbias, weight)};
}

}  // namespace

}  // namespace i2i::cpu

STABLE_TORCH_LIBRARY_IMPL(i2i, CPU, library) {
  library.impl("instance_norm_add", TORCH_BOX(&i2i::cpu::instance_norm_add));
  library.impl("instance_norm_add_backward", TORCH_BOX(&i2i::cpu::instance_norm_add_backward));
}
