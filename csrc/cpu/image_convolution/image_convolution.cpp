// The operators of convolutions between an image and features, for tensors on the CPU.
#include "cpu/image_convolution/image_convolution.h"

#include <torch/csrc/stable/library.h>

#include <cstring>
#include <tuple>

#include "cpu/runtime/cpu_tensors.h"
#include "cpu/runtime/scratch.h"
#include "cpu/runtime/torch_parallel.h"
#include "cpu/runtime/variants.h"

namespace i2i::cpu {

namespace {

Tensor channels_last(const Tensor& tensor) { return torch::stable::contiguous(tensor, MemoryFormat::ChannelsLast); }

Tensor empty_channels_last(int64_t batch, int64_t channels, int64_t height, int64_t width) {
  const int64_t sizes[4] = {batch, channels, height, width};
  return torch::stable::empty(torch::headeronly::IntHeaderOnlyArrayRef(sizes, 4), ScalarType::Float, std::nullopt,
                              std::nullopt, std::nullopt, MemoryFormat::ChannelsLast);
}

// Pixels with `margin` zeros on every side.
Scratch zero_padded(const Tensor& pixels, int64_t margin, const Parallel& parallel) {
  const int64_t height = pixels.size(2), row = pixels.size(3) * pixels.size(1), side = margin * pixels.size(1);
  const int64_t padded_height = height + 2 * margin, padded_row = row + 2 * side;
  Scratch padded(pixels.size(0) * padded_height * padded_row);
  parallel(pixels.size(0) * padded_height, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; item++) {
      const int64_t sample = item / padded_height, from_row = item % padded_height - margin;
      float* to = padded + item * padded_row;
      std::memset(to, 0, padded_row * sizeof(float));
      if (from_row < 0 || from_row >= height) continue;
      std::memcpy(to + side, floats(pixels) + (sample * height + from_row) * row, row * sizeof(float));
    }
  });
  return padded;
}

// A convolution's arguments, checked, and its weights in the form that the kernels read.
struct Arguments {
  Tensor x, weight;
  bool expands;  // from few channels to many
  ImageConvolution shape;
  Parallel parallel = torch_parallel();
  const ImageConvolutionKernels& kernels = i2i::cpu::kernels().image_convolution;

  Arguments(const Tensor& x_, const Tensor& weight_)
      : x((check(x_, weight_), channels_last(x_))),
        weight(contiguous_float32(weight_)),
        expands(weight.size(1) <= kMaxNarrow),
        shape{x.size(0),
              x.size(2) - weight.size(2) + 1,
              x.size(3) - weight.size(2) + 1,
              weight.size(expands ? 1 : 0),
              weight.size(expands ? 0 : 1),
              weight.size(2)} {}

  // [k, k, narrow, wide], with the taps as they are or in reverse.
  Scratch taps(bool reversed) const {
    const int64_t count = shape.kernel * shape.kernel;
    Scratch to(count * shape.narrow * shape.wide);
    const float* from = floats(weight);
    for (int64_t tap = 0; tap < count; tap++) {
      for (int64_t j = 0; j < shape.narrow; j++) {
        for (int64_t c = 0; c < shape.wide; c++) {
          to[((reversed ? count - 1 - tap : tap) * shape.narrow + j) * shape.wide + c] =
              from[(expands ? c * shape.narrow + j : j * shape.wide + c) * count + tap];
        }
      }
    }
    return to;
  }

  // The other way round, for a gradient.
  void write_weight(const float* taps, float* to) const {
    const int64_t count = shape.kernel * shape.kernel;
    for (int64_t tap = 0; tap < count; tap++) {
      for (int64_t j = 0; j < shape.narrow; j++) {
        for (int64_t c = 0; c < shape.wide; c++) {
          to[(expands ? c * shape.narrow + j : j * shape.wide + c) * count + tap] =
              taps[(tap * shape.narrow + j) * shape.wide + c];
        }
      }
    }
  }

 private:
  static void check(const Tensor& x, const Tensor& weight) {
    STD_TORCH_CHECK(x.dim() == 4 && is_float32(x), "x must be float32 of shape [N, C, H, W]; got shape ", shape_of(x));
    const bool fits =
        weight.dim() == 4 && weight.size(1) == x.size(1) && weight.size(2) == weight.size(3) && weight.size(2) >= 1;
    STD_TORCH_CHECK(fits, "weight must have shape [K, ", x.size(1), ", k, k], for the channels of x; got ",
                    shape_of(weight));
    const int64_t few = std::min(weight.size(0), weight.size(1)), many = std::max(weight.size(0), weight.size(1));
    STD_TORCH_CHECK(few >= 1 && few <= kMaxNarrow && many % kWideMultiple == 0, "weight must have 1 to ", kMaxNarrow,
                    " channels on one side and a multiple of ", kWideMultiple, " on the other; got ", shape_of(weight));
    STD_TORCH_CHECK(x.size(2) >= weight.size(2) && x.size(3) >= weight.size(2),
                    "x must be at least as large as the kernel of ", weight.size(2), "; got ", shape_of(x));
  }
};

Tensor image_convolution(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  const Arguments convolution(x, weight);
  const ImageConvolution& shape = convolution.shape;
  STD_TORCH_CHECK(!bias || (bias->dim() == 1 && bias->size(0) == weight.size(0)), "bias must have shape [",
                  weight.size(0), "]; got ", shape_of(*bias));
  const auto bias32 = contiguous_float32(bias);
  const Tensor out = empty_channels_last(shape.batch, weight.size(0), shape.height, shape.width);
  const Scratch taps = convolution.taps(false);
  const auto run = convolution.expands ? convolution.kernels.expand : convolution.kernels.reduce;
  run(shape, floats(convolution.x), taps, floats_or_null(bias32), floats(out), convolution.parallel);
  return is_channels_last(x) ? out : torch::stable::contiguous(out);
}

std::tuple<Tensor, Tensor> image_convolution_backward(const Tensor& gradient, const Tensor& x, const Tensor& weight,
                                                      bool input_gradient, bool weight_gradient) {
  const Arguments convolution(x, weight);
  const ImageConvolution& shape = convolution.shape;
  const bool fits = gradient.dim() == 4 && is_float32(gradient) && gradient.size(0) == shape.batch &&
                    gradient.size(1) == weight.size(0) && gradient.size(2) == shape.height &&
                    gradient.size(3) == shape.width;
  STD_TORCH_CHECK(fits, "grad must be float32 of shape [", shape.batch, ", ", weight.size(0), ", ", shape.height, ", ",
                  shape.width, "]; got shape ", shape_of(gradient));
  const Tensor g = channels_last(gradient);
  Tensor dx = empty_float32({0}), dweight = empty_float32({0});
  if (input_gradient) {  // a convolution of the gradient, from the many to the few or back
    const int64_t margin = shape.kernel - 1;
    const ImageConvolution back{shape.batch, shape.height + margin, shape.width + margin, shape.narrow,
                                shape.wide,  shape.kernel};
    const Tensor pixels = empty_channels_last(shape.batch, x.size(1), back.height, back.width);
    const Scratch padded = zero_padded(g, margin, convolution.parallel), taps = convolution.taps(true);
    const auto run = convolution.expands ? convolution.kernels.reduce : convolution.kernels.expand;
    run(back, padded, taps, nullptr, floats(pixels), convolution.parallel);
    dx = is_channels_last(x) ? pixels : torch::stable::contiguous(pixels);
  }
  if (weight_gradient) {
    const Scratch taps(shape.kernel * shape.kernel * shape.narrow * shape.wide);
    const Tensor &narrow = convolution.expands ? convolution.x : g, &wide = convolution.expands ? g : convolution.x;
    convolution.kernels.outer(shape, floats(narrow), floats(wide), convolution.expands, taps, convolution.parallel);
    dweight = empty_float32({weight.size(0), weight.size(1), shape.kernel, shape.kernel});
    convolution.write_weight(taps, floats(dweight));
  }
  return {dx, dweight};
}

}  // namespace

}  // namespace i2i::cpu

STABLE_TORCH_LIBRARY_IMPL(i2i, CPU, library) {
  library.impl("image_convolution", TORCH_BOX(&i2i::cpu::image_convolution));
  library.impl("image_convolution_backward", TORCH_BOX(&i2i::cpu::image_convolution_backward));
}
