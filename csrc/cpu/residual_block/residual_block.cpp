// The residual block's operators for tensors on the CPU.
#include "cpu/residual_block/residual_block.h"

#include <torch/csrc/stable/library.h>

#include <tuple>

#include "cpu/residual_block/filter_cache.h"
#include "cpu/runtime/cpu_tensors.h"
#include "cpu/runtime/scratch.h"
#include "cpu/runtime/torch_parallel.h"
#include "cpu/runtime/variants.h"

namespace i2i::cpu {

namespace {

// Training packs the filters anew at each step, so it takes the smaller tiles, whose filters are half as large and
// whose gradients there are. Inference packs them once: larger tiles save multiplications unless they cover much more
// than the image, and round twice as much, which is still near to what a direct convolution does.
constexpr int kTrainingTile = 4;
int best_tile(const Tensor& x) {
  const auto products = [&](int64_t tile) {
    const int64_t rows = (x.size(2) + tile - 1) / tile, columns = (x.size(3) + tile - 1) / tile;
    return rows * columns * (tile + 2) * (tile + 2);
  };
  return products(6) * 100 < products(4) * 95 ? 6 : 4;
}

Image image_of(const Tensor& tensor) { return {tensor.data_ptr(), is_channels_last(tensor), !is_float32(tensor)}; }

bool is_made_of_pixels(const Tensor& tensor) {
  return is_float32(tensor) && is_channels_last(tensor) && tensor.size(1) % kChannelMultiple == 0;
}

// One call's arguments, checked and in the form that the kernels read.
struct Arguments {
  Tensor x, weight1, weight2;
  OptionalTensor norm_weight1, norm_bias1, norm_weight2, norm_bias2;
  BlockShape shape;
  Parallel parallel = torch_parallel();
  const ResidualBlockKernels& kernels = i2i::cpu::kernels().residual_block;

  Arguments(const Tensor& x_, const Tensor& weight1_, const Tensor& weight2_, const OptionalTensor& norm_weight1_,
            const OptionalTensor& norm_bias1_, const OptionalTensor& norm_weight2_, const OptionalTensor& norm_bias2_)
      : x((check_images("x", x_), dense(x_))),
        weight1(checked_weight("weight1", weight1_)),
        weight2(checked_weight("weight2", weight2_)),
        norm_weight1(checked_float32_affine("norm_weight1", norm_weight1_, x.size(1))),
        norm_bias1(checked_float32_affine("norm_bias1", norm_bias1_, x.size(1))),
        norm_weight2(checked_float32_affine("norm_weight2", norm_weight2_, x.size(1))),
        norm_bias2(checked_float32_affine("norm_bias2", norm_bias2_, x.size(1))),
        shape{x.size(0), x.size(1), x.size(2), x.size(3)} {
    STD_TORCH_CHECK(shape.height >= 2 && shape.width >= 2,
                    "x must have height and width of at least 2, to be reflected by one pixel; got ", shape_of(x));
  }

  Affine norm1() const { return {floats_or_null(norm_weight1), floats_or_null(norm_bias1)}; }
  Affine norm2() const { return {floats_or_null(norm_weight2), floats_or_null(norm_bias2)}; }

  // A tensor of images as pixels: its own memory where it is made of them, else a copy in `scratch`.
  const float* pixels(const Tensor& images, std::optional<Scratch>& scratch) const {
    if (is_made_of_pixels(images)) return floats(images);
    scratch.emplace(shape.floats());
    kernels.to_pixels(shape, image_of(images), *scratch, parallel);
    return *scratch;
  }
  Tensor empty_pixels() const { return empty_float32({shape.batch, shape.height, shape.width, shape.padded()}); }

  Scratch packed(const Tensor& weight, int tile, Direction direction) const {
    Scratch filters(kernels.packed_floats(shape.channels, tile));
    kernels.pack_filters(floats(weight), shape.channels, tile, direction, filters, parallel);
    return filters;
  }

 private:
  Tensor checked_weight(const char* name, const Tensor& weight) const {
    check_filters(name, weight, x.size(1));
    return contiguous_float32(weight);
  }
};

Tensor residual_block(const Tensor& x, const Tensor& weight1, const Tensor& weight2, const OptionalTensor& norm_weight1,
                      const OptionalTensor& norm_bias1, const OptionalTensor& norm_weight2,
                      const OptionalTensor& norm_bias2, double eps) {
  const Arguments block(x, weight1, weight2, norm_weight1, norm_bias1, norm_weight2, norm_bias2);
  const Tensor out = empty_in_layout_of(block.x);
  if (out.numel() == 0) return out;
  const int tile = best_tile(block.x);
  FilterCache& cache = FilterCache::instance();
  const auto filters1 = cache.packed(block.kernels, floats(block.weight1), weight1.data_ptr(), block.shape.channels,
                                     tile, block.parallel);
  const auto filters2 = cache.packed(block.kernels, floats(block.weight2), weight2.data_ptr(), block.shape.channels,
                                     tile, block.parallel);
  std::optional<Scratch> copy;
  const float* pixels = block.pixels(block.x, copy);
  const bool in_place = is_made_of_pixels(out);
  const Scratch y1(block.shape.floats()), y2(in_place ? 0 : block.shape.floats()), statistics(4 * block.shape.planes());
  block.kernels.forward({block.shape, tile, pixels, filters1.get(), filters2.get(), block.norm1(), block.norm2(),
                         static_cast<float>(eps), y1, in_place ? floats(out) : y2, statistics, image_of(out)},
                        block.parallel);
  return out;
}

std::tuple<Tensor, Tensor, Tensor, Tensor> residual_block_forward(const Tensor& x, const Tensor& weight1,
                                                                  const Tensor& weight2,
                                                                  const OptionalTensor& norm_weight1,
                                                                  const OptionalTensor& norm_bias1,
                                                                  const OptionalTensor& norm_weight2,
                                                                  const OptionalTensor& norm_bias2, double eps) {
  const Arguments block(x, weight1, weight2, norm_weight1, norm_bias1, norm_weight2, norm_bias2);
  const Tensor out = empty_in_layout_of(block.x), y1 = block.empty_pixels(), y2 = block.empty_pixels();
  const Tensor statistics = empty_float32({4, block.shape.batch, block.shape.padded()});
  if (out.numel() == 0) return {out, y1, y2, statistics};
  const Scratch filters1 = block.packed(block.weight1, kTrainingTile, Direction::kForward);
  const Scratch filters2 = block.packed(block.weight2, kTrainingTile, Direction::kForward);
  std::optional<Scratch> copy;
  const float* pixels = block.pixels(block.x, copy);
  block.kernels.forward({block.shape, kTrainingTile, pixels, filters1, filters2, block.norm1(), block.norm2(),
                         static_cast<float>(eps), floats(y1), floats(y2), floats(statistics), image_of(out)},
                        block.parallel);
  return {out, y1, y2, statistics};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> residual_block_backward(
    const Tensor& gradient, const Tensor& x, const Tensor& weight1, const Tensor& weight2,
    const OptionalTensor& norm_weight1, const OptionalTensor& norm_bias1, const OptionalTensor& norm_weight2,
    const Tensor& y1, const Tensor& y2, const Tensor& statistics, bool weight_gradients) {
  const Arguments block(x, weight1, weight2, norm_weight1, norm_bias1, norm_weight2, std::nullopt);
  const BlockShape& shape = block.shape;
  check_same_images("grad", gradient, block.x);
  for (const auto& [name, y] : {std::pair("y1", &y1), std::pair("y2", &y2)}) {
    STD_TORCH_CHECK(is_float32(*y) && y->is_contiguous() && y->numel() == shape.floats(), name,
                    " must be what residual_block_forward gave for x: contiguous float32 of shape [", shape.batch, ", ",
                    shape.height, ", ", shape.width, ", ", shape.padded(), "]; got ", shape_of(*y));
  }
  STD_TORCH_CHECK(is_float32(statistics) && statistics.is_contiguous() && statistics.numel() == 4 * shape.planes(),
                  "statistics must be what residual_block_forward gave for x: contiguous float32 of shape [4, ",
                  shape.batch, ", ", shape.padded(), "]; got ", shape_of(statistics));

  const auto gradient_of = [&](bool wanted) { return empty_float32({wanted ? shape.channels : 0}); };
  const Tensor dx = empty_in_layout_of(block.x);
  const int64_t filters = weight_gradients ? shape.channels : 0;
  const Tensor dweight1 = empty_float32({filters, filters, 3, 3}), dweight2 = empty_float32({filters, filters, 3, 3});
  const Tensor dnorm_weight1 = gradient_of(norm_weight1.has_value()), dnorm_bias1 = gradient_of(norm_bias1.has_value());
  const Tensor dnorm_weight2 = gradient_of(norm_weight2.has_value()),
               dnorm_bias2 = gradient_of(norm_weight2.has_value());
  if (dx.numel() == 0) {
    for (const Tensor& empty : {dweight1, dweight2, dnorm_weight1, dnorm_bias1, dnorm_weight2, dnorm_bias2}) {
      Tensor zeroed = empty;
      torch::stable::zero_(zeroed);
    }
    return {dx, dweight1, dweight2, dnorm_weight1, dnorm_bias1, dnorm_weight2, dnorm_bias2};
  }

  const auto data = [](const Tensor& tensor) { return tensor.numel() ? floats(tensor) : nullptr; };
  const Scratch filters1 = block.packed(block.weight1, kTrainingTile, Direction::kBackward);
  const Scratch filters2 = block.packed(block.weight2, kTrainingTile, Direction::kBackward);
  const Tensor dense_gradient = dense(gradient);
  std::optional<Scratch> copy, gradient_copy;
  const float *pixels = block.pixels(block.x, copy), *gradient_pixels = block.pixels(dense_gradient, gradient_copy);

  block.kernels.backward({shape, gradient_pixels, pixels, floats(y1), floats(y2), floats(statistics), filters1,
                          filters2, block.norm1(), block.norm2(), image_of(dx), data(dweight1), data(dweight2),
                          data(dnorm_weight1), data(dnorm_bias1), data(dnorm_weight2), data(dnorm_bias2)},
                         block.parallel);
  return {dx, dweight1, dweight2, dnorm_weight1, dnorm_bias1, dnorm_weight2, dnorm_bias2};
}

}  // namespace

}  // namespace i2i::cpu

STABLE_TORCH_LIBRARY_IMPL(i2i, CPU, library) {
  library.impl("residual_block", TORCH_BOX(&i2i::cpu::residual_block));
  library.impl("residual_block_forward", TORCH_BOX(&i2i::cpu::residual_block_forward));
  library.impl("residual_block_backward", TORCH_BOX(&i2i::cpu::residual_block_backward));
}
