// Both instance norms on torch's tensors, for their operators and for the residual block.
#pragma once

#include "cuda/runtime/device_tensors.h"

namespace i2i::cuda {

// Which of the two follows the normalisation.
enum class After { activation, skip };

// One call's images and parameters, checked and in the form that the kernels read.
struct NormCall {
  After after;
  Tensor x;
  OptionalTensor weight, bias;
  Shape shape;

  NormCall(After after_, const Tensor& x_, const OptionalTensor& weight_, const OptionalTensor& bias_, int64_t pad)
      : after(after_),
        x((check_cuda_images("x", x_), dense(x_))),
        weight(checked_parameter("weight", weight_)),
        bias(checked_parameter("bias", bias_)),
        shape(shape_for_kernels(x, pad)) {
    STD_TORCH_CHECK(!weight || !bias || weight->scalar_type() == bias->scalar_type(),
                    "weight and bias must have the same dtype; convert one");
  }

  Tensor empty_output() const { return empty_images(x, 2 * shape.padding); }
  Tensor empty_statistics() const { return empty_on_device_of(x, {shape.batch, shape.channels}, ScalarType::Float); }

  // Images of x's size or, where `padded`, the output's, in x's layout.
  Tensor images(const char* name, const Tensor& tensor, bool padded) const {
    check_like(name, tensor, x, padded ? 2 * shape.padding : 0);
    return in_layout_of(x, tensor);
  }

  Tensor statistics(const char* name, const Tensor& tensor) const {
    check_device(name, tensor, x);
    STD_TORCH_CHECK(
        is_float32(tensor) && tensor.dim() == 2 && tensor.size(0) == shape.batch && tensor.size(1) == shape.channels,
        name, " must be what the forward pass gave for x: float32 of shape [", shape.batch, ", ", shape.channels,
        "]; got ", shape_of(tensor));
    return torch::stable::contiguous(tensor);
  }

  // Without elements where there is no weight, and so no bias.
  Tensor empty_parameter_gradient() const {
    return empty_on_device_of(x, {weight ? shape.channels : 0}, weight ? weight->scalar_type() : ScalarType::Float);
  }

  // Writes out, and mean and rstd unless they are `given`. `skip` is null but for After::skip.
  void forward(const void* skip, double eps, float negative_slope, bool given, const Tensor& out, float* mean,
               float* rstd, void* stream) const {
    const Plan plan = plan_forward(shape, given, shared_memory_limit());
    const Tensor workspace = empty_on_device_of(x, {plan.workspace_floats}, ScalarType::Float);
    const ForwardArguments arguments{shape,
                                     x.data_ptr(),
                                     skip,
                                     data_or_null(weight),
                                     data_or_null(bias),
                                     has_float_parameters(),
                                     static_cast<float>(eps),
                                     negative_slope,
                                     given,
                                     out.data_ptr(),
                                     mean,
                                     rstd,
                                     floats(workspace)};
    if (after == After::activation)
      check_launch("instance_norm_act", launch_instance_norm_act_forward(arguments, plan, stream));
    else
      check_launch("instance_norm_add", launch_instance_norm_add_forward(arguments, plan, stream));
  }

  // Writes dx, and dskip unless that is null. The parameters' gradients have no elements or the parameters' dtype.
  void backward(const Tensor& gradient, float negative_slope, const float* mean, const float* rstd, const Tensor& dx,
                void* dskip, const Tensor& dweight, const Tensor& dbias, void* stream) const {
    const Plan plan = plan_backward(shape, shared_memory_limit());
    const Tensor workspace = empty_on_device_of(x, {plan.workspace_floats}, ScalarType::Float);
    const BackwardArguments arguments{shape,
                                      gradient.data_ptr(),
                                      x.data_ptr(),
                                      data_or_null(weight),
                                      data_or_null(bias),
                                      has_float_parameters(),
                                      negative_slope,
                                      mean,
                                      rstd,
                                      dx.data_ptr(),
                                      dskip,
                                      dweight.numel() == 0 ? nullptr : dweight.data_ptr(),
                                      dbias.numel() == 0 ? nullptr : dbias.data_ptr(),
                                      floats(workspace)};
    if (after == After::activation)
      check_launch("instance_norm_act_backward", launch_instance_norm_act_backward(arguments, plan, stream));
    else
      check_launch("instance_norm_add_backward", launch_instance_norm_add_backward(arguments, plan, stream));
  }

 private:
  bool has_float_parameters() const { return weight ? is_float32(*weight) : bias ? is_float32(*bias) : true; }

  OptionalTensor checked_parameter(const char* name, const OptionalTensor& parameter) const {
    if (!parameter) return std::nullopt;
    check_device(name, *parameter, x);
    check_affine(name, *parameter, x.size(1));
    STD_TORCH_CHECK(is_float32(*parameter) || parameter->scalar_type() == x.scalar_type(), name,
                    " must be float32 or have the dtype of x; convert it");
    return torch::stable::contiguous(*parameter);
  }
};

}  // namespace i2i::cuda
