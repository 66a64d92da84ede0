// The residual block's operators for tensors on CUDA devices: PyTorch's convolutions, with every pass between them in
// the kernels of this folder. Forward: pad x, convolve, normalise + ReLU + pad, convolve, normalise + add. Or, where
// I2I_CUDA_CONV=fused asks for it: convolve, convolve, statistics, normalise + add.
#include <torch/csrc/stable/library.h>

#include <tuple>

#include "cuda/instance_norm/instance_norm_tensors.h"
#include "cuda/residual_block/torch_convolution.h"
#include "cuda/unmeasured/fused_convolution.h"

namespace i2i::cuda {

namespace {

constexpr int64_t kPad = 1;
constexpr float kRelu = 0.0f;

// One call's arguments, checked, in x's layout and dtype.
struct Block {
  Tensor x, weight1, weight2;
  OptionalTensor norm_weight1, norm_bias1, norm_weight2, norm_bias2;
  Shape shape;

  Block(const Tensor& x_, const Tensor& weight1_, const Tensor& weight2_, const OptionalTensor& norm_weight1_,
        const OptionalTensor& norm_bias1_, const OptionalTensor& norm_weight2_, const OptionalTensor& norm_bias2_)
      : x((check_cuda_images("x", x_), dense(x_))),
        weight1(checked_weight("weight1", weight1_)),
        weight2(checked_weight("weight2", weight2_)),
        norm_weight1(checked_affine("norm_weight1", norm_weight1_)),
        norm_bias1(checked_affine("norm_bias1", norm_bias1_)),
        norm_weight2(checked_affine("norm_weight2", norm_weight2_)),
        norm_bias2(checked_affine("norm_bias2", norm_bias2_)),
        shape(shape_for_kernels(x, kPad)) {}

  NormCall norm1(const Tensor& y1) const { return {After::activation, y1, norm_weight1, norm_bias1, kPad}; }
  NormCall norm2(const Tensor& y2) const { return {After::skip, y2, norm_weight2, norm_bias2, 0}; }

  Tensor padded_x(void* stream) const {
    const Tensor out = empty_images(x, 2 * kPad);
    check_launch("reflection_pad",
                 launch_reflection_pad({shape, x.data_ptr(), out.data_ptr()}, plan_copy(shape), stream));
    return out;
  }

 private:
  // cuDNN wants all tensors of a convolution in one dtype, and is fastest where they lie in one order.
  Tensor checked_weight(const char* name, const Tensor& weight) const {
    check_device(name, weight, x);
    check_filters(name, weight, x.size(1));
    const bool same = weight.scalar_type() == x.scalar_type();
    return in_layout_of(x, same ? weight : torch::stable::to(weight, x.scalar_type()));
  }
  OptionalTensor checked_affine(const char* name, const OptionalTensor& parameter) const {
    if (parameter) check_device(name, *parameter, x);
    return checked_float32_affine(name, parameter, x.size(1));
  }
};

std::tuple<Tensor, Tensor, Tensor, Tensor> residual_block_forward(const Tensor& x, const Tensor& weight1,
                                                                  const Tensor& weight2,
                                                                  const OptionalTensor& norm_weight1,
                                                                  const OptionalTensor& norm_bias1,
                                                                  const OptionalTensor& norm_weight2,
                                                                  const OptionalTensor& norm_bias2, double eps) {
  const Block block(x, weight1, weight2, norm_weight1, norm_bias1, norm_weight2, norm_bias2);
  const OnDeviceOf device(block.x);
  const Tensor out = empty_images(block.x, 0);
  const int64_t planes = block.shape.planes();
  const Tensor statistics =
      empty_on_device_of(block.x, {4, block.shape.batch, block.shape.channels}, ScalarType::Float);
  if (planes == 0) return {out, empty_images(block.x, 0), empty_images(block.x, 0), statistics};
  float* const means_and_rstds = floats(statistics);  // mean1, rstd1, mean2, rstd2

  if (fused_convolution_asked_for()) {
    check_fused_convolution(block.shape);
    const FusedConvolution first = fused_convolution(block.x, block.shape, block.weight1, device.stream());
    const FusedConvolution second =
        fused_convolution_of_norm(first, block.shape, block.weight2, block.norm_weight1, block.norm_bias1, eps,
                                  means_and_rstds, means_and_rstds + planes, device.stream());
    float* const mean2 = means_and_rstds + 2 * planes;
    check_launch("tile_statistics", launch_tile_statistics({block.shape, floats(second.tile_moments),
                                                            static_cast<float>(eps), mean2, mean2 + planes},
                                                           device.stream()));
    block.norm2(second.out).forward(block.x.data_ptr(), eps, 1.0f, true, out, mean2, mean2 + planes, device.stream());
    return {out, first.out, second.out, statistics};
  }

  const Tensor y1 = in_layout_of(block.x, convolution(block.padded_x(device.stream()), block.weight1));
  const NormCall norm1 = block.norm1(y1);
  const Tensor activated = norm1.empty_output();
  norm1.forward(nullptr, eps, kRelu, false, activated, means_and_rstds, means_and_rstds + planes, device.stream());

  const Tensor y2 = in_layout_of(block.x, convolution(activated, block.weight2));
  block.norm2(y2).forward(block.x.data_ptr(), eps, 1.0f, false, out, means_and_rstds + 2 * planes,
                          means_and_rstds + 3 * planes, device.stream());
  return {out, y1, y2, statistics};
}

Tensor residual_block(const Tensor& x, const Tensor& weight1, const Tensor& weight2, const OptionalTensor& norm_weight1,
                      const OptionalTensor& norm_bias1, const OptionalTensor& norm_weight2,
                      const OptionalTensor& norm_bias2, double eps) {
  return std::get<0>(
      residual_block_forward(x, weight1, weight2, norm_weight1, norm_bias1, norm_weight2, norm_bias2, eps));
}

// What the forward pass kept, in the layout of x.
Tensor kept_images(const char* name, const Tensor& y, const Block& block) {
  check_like(name, y, block.x, 0);
  return in_layout_of(block.x, y);
}

Tensor zeros(const Tensor& x, std::initializer_list<int64_t> sizes) {
  Tensor made = empty_on_device_of(x, sizes, ScalarType::Float);
  return torch::stable::zero_(made);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> residual_block_backward(
    const Tensor& gradient, const Tensor& x, const Tensor& weight1, const Tensor& weight2,
    const OptionalTensor& norm_weight1, const OptionalTensor& norm_bias1, const OptionalTensor& norm_weight2,
    const Tensor& y1, const Tensor& y2, const Tensor& statistics, bool weight_gradients) {
  const Block block(x, weight1, weight2, norm_weight1, norm_bias1, norm_weight2, std::nullopt);
  const OnDeviceOf device(block.x);
  const int64_t planes = block.shape.planes(), channels = block.shape.channels;
  const Tensor grad = kept_images("grad", gradient, block);
  const Tensor kept1 = kept_images("y1", y1, block), kept2 = kept_images("y2", y2, block);
  check_device("statistics", statistics, block.x);
  STD_TORCH_CHECK(is_float32(statistics) && statistics.is_contiguous() && statistics.numel() == 4 * planes,
                  "statistics must be what residual_block_forward gave for x: contiguous float32 of shape [4, ",
                  block.shape.batch, ", ", channels, "]; got ", shape_of(statistics));
  const Tensor dx = empty_images(block.x, 0);
  if (planes == 0) {
    const int64_t filters = weight_gradients ? channels : 0;
    const int64_t affine1 = norm_weight1 ? channels : 0, affine2 = norm_weight2 ? channels : 0;
    return {dx,
            zeros(block.x, {filters, filters, 3, 3}),
            zeros(block.x, {filters, filters, 3, 3}),
            zeros(block.x, {affine1}),
            zeros(block.x, {affine1}),
            zeros(block.x, {affine2}),
            zeros(block.x, {affine2})};
  }
  const float* const means_and_rstds = floats(statistics);

  // From out to y2. The skip connection's gradient is grad itself, added at the end.
  const NormCall norm2 = block.norm2(kept2);
  const Tensor dy2 = empty_images(block.x, 0);
  const Tensor dnorm_weight2 = norm2.empty_parameter_gradient(), dnorm_bias2 = norm2.empty_parameter_gradient();
  norm2.backward(grad, 1.0f, means_and_rstds + 2 * planes, means_and_rstds + 3 * planes, dy2, nullptr, dnorm_weight2,
                 dnorm_bias2, device.stream());

  // From y2 to the padded activation, which is made again from y1 where a weight's gradient needs its values.
  const NormCall norm1 = block.norm1(kept1);
  const Tensor activated = norm1.empty_output();
  if (weight_gradients) {
    float* const mean = const_cast<float*>(means_and_rstds);  // only read: the statistics are given
    norm1.forward(nullptr, 0.0, kRelu, true, activated, mean, mean + planes, device.stream());
  }
  const auto [dactivated, dweight2] = convolution_backward(dy2, activated, block.weight2, weight_gradients);

  // From there to y1.
  const Tensor dy1 = empty_images(block.x, 0);
  const Tensor dnorm_weight1 = norm1.empty_parameter_gradient(), dnorm_bias1 = norm1.empty_parameter_gradient();
  norm1.backward(norm1.images("the gradient of the padded activation", dactivated, true), kRelu, means_and_rstds,
                 means_and_rstds + planes, dy1, nullptr, dnorm_weight1, dnorm_bias1, device.stream());

  // From y1 to x.
  const Tensor padded = weight_gradients ? block.padded_x(device.stream()) : empty_images(block.x, 2 * kPad);
  const auto [dpadded, dweight1] = convolution_backward(dy1, padded, block.weight1, weight_gradients);
  const Tensor folded = in_layout_of(block.x, dpadded);
  check_launch("reflection_pad_backward",
               launch_reflection_pad_backward({block.shape, folded.data_ptr(), grad.data_ptr(), dx.data_ptr()},
                                              plan_copy(block.shape), device.stream()));

  const auto given = [&](const Tensor& dweight) {
    return weight_gradients ? contiguous_float32(dweight)
                            : empty_on_device_of(block.x, {0, 0, 3, 3}, ScalarType::Float);
  };
  return {dx, given(dweight1), given(dweight2), dnorm_weight1, dnorm_bias1, dnorm_weight2, dnorm_bias2};
}

}  // namespace

}  // namespace i2i::cuda

STABLE_TORCH_LIBRARY_IMPL(i2i, CUDA, library) {
  library.impl("residual_block", TORCH_BOX(&i2i::cuda::residual_block));
  library.impl("residual_block_forward", TORCH_BOX(&i2i::cuda::residual_block_forward));
  library.impl("residual_block_backward", TORCH_BOX(&i2i::cuda::residual_block_backward));
}
