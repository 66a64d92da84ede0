// What the operators of both instance norms do with torch's tensors: check them, bring them into one memory layout, and
// make those of the results.
#pragma once

#include "cpu/instance_norm/instance_norm.h"
#include "cpu/runtime/cpu_tensors.h"
#include "cpu/runtime/torch_parallel.h"
#include "cpu/runtime/variants.h"

namespace i2i::cpu {

// A call's images and parameters, checked and in the form that the kernels read.
struct NormArguments {
  Tensor x;
  OptionalTensor weight, bias;
  NormShape shape;
  Parallel parallel = torch_parallel();
  const InstanceNormKernels& kernels = i2i::cpu::kernels().instance_norm;

  NormArguments(const Tensor& x_, const OptionalTensor& weight_, const OptionalTensor& bias_, int64_t pad)
      : x((check_images("x", x_), dense(x_))),
        weight(checked_float32_affine("weight", weight_, x.size(1))),
        bias(checked_float32_affine("bias", bias_, x.size(1))),
        shape{x.size(0), x.size(1), x.size(2), x.size(3), pad, is_channels_last(x), !is_float32(x)} {
    STD_TORCH_CHECK(pad >= 0, "pad must be at least 0; got ", pad);
    STD_TORCH_CHECK(pad == 0 || (pad < shape.height && pad < shape.width),
                    "pad must be less than height and width of x, to reflect it; got ", pad, " for x of shape ",
                    shape_of(x));
  }

  // Images of the size of x or, where `padded`, of the output, in the layout of x; a copy where they lie otherwise.
  Tensor images(const char* name, const Tensor& tensor, bool padded) const {
    check_images(name, tensor);
    const int64_t border = padded ? 2 * shape.pad : 0;
    const int64_t expected[4] = {shape.batch, shape.channels, shape.height + border, shape.width + border};
    for (int64_t dim = 0; dim < 4; dim++) {
      STD_TORCH_CHECK(tensor.size(dim) == expected[dim], name, " must have shape [", expected[0], ", ", expected[1],
                      ", ", expected[2], ", ", expected[3], "] for x of shape ", shape_of(x), " and pad ", shape.pad,
                      "; got ", shape_of(tensor));
    }
    STD_TORCH_CHECK(tensor.scalar_type() == x.scalar_type(), name, " must have the dtype of x; got another");
    if (!shape.channels_last) return torch::stable::contiguous(tensor);
    return is_channels_last(tensor) ? tensor : torch::stable::contiguous(tensor, MemoryFormat::ChannelsLast);
  }

  // Statistics [N, C] of the forward pass.
  Tensor statistics(const char* name, const Tensor& tensor) const {
    STD_TORCH_CHECK(
        is_float32(tensor) && tensor.dim() == 2 && tensor.size(0) == shape.batch && tensor.size(1) == shape.channels,
        name, " must be what the forward pass gave for x: float32 of shape [", shape.batch, ", ", shape.channels,
        "]; got ", shape_of(tensor));
    return torch::stable::contiguous(tensor);
  }

  Tensor empty_output() const {
    const int64_t sizes[4] = {shape.batch, shape.channels, shape.height + 2 * shape.pad, shape.width + 2 * shape.pad};
    return torch::stable::empty({sizes, 4}, x.scalar_type(), std::nullopt, std::nullopt, std::nullopt,
                                shape.channels_last ? MemoryFormat::ChannelsLast : MemoryFormat::Contiguous);
  }
  Tensor empty_statistics() const { return empty_float32({shape.batch, shape.channels}); }
  // The gradient of a parameter; without elements where there is no such parameter.
  Tensor empty_gradient(bool wanted) const { return empty_float32({wanted ? shape.channels : 0}); }
};

// A gradient of a parameter in the dtype of that parameter.
inline Tensor in_dtype_of(const Tensor& gradient, const OptionalTensor& parameter) {
  if (!parameter || is_float32(*parameter)) return gradient;
  return torch::stable::to(gradient, parameter->scalar_type());
}

inline float* data_or_null(const Tensor& tensor, bool wanted) { return wanted ? floats(tensor) : nullptr; }

}  // namespace i2i::cpu
