// x + norm2(conv2(pad(relu(norm1(conv1(pad(x))))))) in two passes over the image and an addition, and its gradients.
#pragma once

#include "cpu/residual_block/winograd_convolution_backward.inl.h"

namespace i2i::cpu {
namespace I2I_VARIANT {

// What a norm does to a plane, (y - mean) * scale + shift, for every plane: arrays are [N, P].
class Norm {
 public:
  Norm(const BlockShape& shape, const float* mean, const float* rstd, const Affine& affine)
      : padded_(shape.padded()), mean_(mean), scale_(shape.planes()), shift_(shape.planes()) {
    for (int64_t plane = 0; plane < shape.planes(); plane++) {
      const int64_t channel = plane % padded_;
      const bool real = channel < shape.channels;
      scale_[plane] = rstd[plane] * (affine.weight ? real ? affine.weight[channel] : 0.f : 1.f);
      shift_[plane] = affine.bias && real ? affine.bias[channel] : 0.f;
    }
  }

  NormaliseRelu of(int64_t sample) const {
    const int64_t at = sample * padded_;
    return {mean_ + at, scale_ + at, shift_ + at};
  }

 private:
  int64_t padded_;
  const float* mean_;
  Scratch scale_, shift_;
};

template <class W>
void forward_for(const ResidualBlockForward& block, const Parallel& parallel) {
  const BlockShape& shape = block.shape;
  const int64_t padded = shape.padded(), image = shape.pixels() * padded, planes = shape.planes();
  float *mean1 = block.statistics, *rstd1 = mean1 + planes, *mean2 = rstd1 + planes, *rstd2 = mean2 + planes;
  const Scratch sums(shape.batch * TileGrid<W>(shape.height, shape.width).chunks * 3 * padded);

  const auto move = [&](int64_t sample) { return SubtractFirstPixel{block.x + sample * image}; };
  convolve<W>(shape, block.x, move, block.filters1, block.y1, sums, parallel);
  finish_statistics<W>(shape, sums, block.eps, mean1, rstd1, parallel);

  const Norm norm1(shape, mean1, rstd1, block.norm1);
  const auto normalise = [&](int64_t sample) { return norm1.of(sample); };
  convolve<W>(shape, block.y1, normalise, block.filters2, block.y2, sums, parallel);
  finish_statistics<W>(shape, sums, block.eps, mean2, rstd2, parallel);

  const Norm norm2(shape, mean2, rstd2, block.norm2);
  parallel(shape.batch * shape.height, [&](int64_t begin, int64_t end) {
    RowWriter write(shape, block.out);
    for (int64_t item = begin; item < end; item++) {
      const int64_t sample = item / shape.height, row = item % shape.height, at = item * shape.width * padded;
      const NormaliseRelu norm = norm2.of(sample);
      write(sample, row, [&](float* out) {
        for (int64_t pixel = 0; pixel < shape.width * padded; pixel += padded) {
          for (int64_t c = 0; c < padded; c += kVectorFloats) {
            const Vector normalised = (load(block.y2 + at + pixel + c) - load(norm.mean + c)) * load(norm.scale + c);
            store(out + pixel + c, load(block.x + at + pixel + c) + (normalised + load(norm.shift + c)));
          }
        }
      });
    }
  });
}

inline void forward(const ResidualBlockForward& block, const Parallel& parallel) {
  block.tile == 6 ? forward_for<Winograd<6>>(block, parallel) : forward_for<Winograd<4>>(block, parallel);
}

// The sums of g and of g * normalised y over each plane, row by row: what the gradient of a norm needs.
class NormSums {
 public:
  explicit NormSums(const BlockShape& shape)
      : shape_(shape), padded_(shape.padded()), rows_(shape.batch * shape.height * 2 * padded_) {}

  float* row(int64_t item) const { return rows_ + item * 2 * padded_; }  // sums of g [P], then of g * normalised y [P]

  // Totals over rows, in order, into a norm's gradient and those of its scale and shift, where they are asked for.
  class Finished {
   public:
    Finished(const NormSums& sums, const float* mean, const float* rstd, const float* weight, float* dweight,
             float* dbias)
        : padded_(sums.padded_),
          mean_(mean),
          a_(sums.shape_.planes()),
          b_(sums.shape_.planes()),
          c_(sums.shape_.planes()) {
      const BlockShape& shape = sums.shape_;
      if (dweight) std::memset(dweight, 0, shape.channels * sizeof(float));
      if (dbias) std::memset(dbias, 0, shape.channels * sizeof(float));
      std::vector<double> totals(2 * padded_);
      const double pixels = static_cast<double>(shape.pixels());
      for (int64_t sample = 0; sample < shape.batch; sample++) {
        std::fill(totals.begin(), totals.end(), 0.0);
        for (int64_t row = 0; row < shape.height; row++) {
          const float* of_row = sums.row(sample * shape.height + row);
          for (int64_t c = 0; c < 2 * padded_; c++) totals[c] += of_row[c];
        }
        for (int64_t c = 0; c < padded_; c++) {
          const int64_t plane = sample * padded_ + c;
          const double r = rstd[plane], scale = r * (weight ? c < shape.channels ? weight[c] : 0.f : 1.f);
          a_[plane] = static_cast<float>(scale);
          b_[plane] = static_cast<float>(-scale * r * (totals[padded_ + c] / pixels));
          c_[plane] = static_cast<float>(-scale * (totals[c] / pixels));
          if (c < shape.channels) {
            if (dbias) dbias[c] += static_cast<float>(totals[c]);
            if (dweight) dweight[c] += static_cast<float>(totals[padded_ + c]);
          }
        }
      }
    }

    NormGradient of(int64_t sample) const {
      const int64_t at = sample * padded_;
      return {a_ + at, b_ + at, c_ + at, mean_ + at};
    }

   private:
    int64_t padded_;
    const float* mean_;
    Scratch a_, b_, c_;
  };

 private:
  const BlockShape& shape_;
  int64_t padded_;
  Scratch rows_;
};

// Sums of the gradient of the block's output, for the second norm.
inline void sum_output_gradient(const ResidualBlockBackward& block, const float* mean, const float* rstd,
                                const NormSums& sums, const Parallel& parallel) {
  constexpr int64_t kWide = 4;  // vectors at a time: whole cache lines of a pixel, and their sums in registers
  const BlockShape& shape = block.shape;
  const int64_t padded = shape.padded();
  parallel(shape.batch * shape.height, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; item++) {
      const int64_t sample = item / shape.height;
      const float *g = block.gradient + item * shape.width * padded, *y = block.y2 + item * shape.width * padded;
      float* to = sums.row(item);
      for (int64_t c = 0; c < padded; c += kWide * kVectorFloats) {
        const int64_t vectors = std::min(kWide, (padded - c) / kVectorFloats);
        Vector total[kWide] = {}, products[kWide] = {};
        for (int64_t pixel = 0; pixel < shape.width * padded; pixel += padded) {
#pragma GCC unroll 4
          for (int64_t v = 0; v < kWide; v++) {
            if (v >= vectors) break;
            const int64_t at = c + v * kVectorFloats, plane = sample * padded + at;
            const Vector value = load(g + pixel + at);
            total[v] += value;
            products[v] += value * ((load(y + pixel + at) - load(mean + plane)) * load(rstd + plane));
          }
        }
        for (int64_t v = 0; v < vectors; v++) {
          store(to + c + v * kVectorFloats, total[v]);
          store(to + padded + c + v * kVectorFloats, products[v]);
        }
      }
    }
  });
}

inline void backward(const ResidualBlockBackward& block, const Parallel& parallel) {
  const BlockShape& shape = block.shape;
  const int64_t padded = shape.padded(), image = shape.pixels() * padded, planes = shape.planes();
  const float *mean1 = block.statistics, *rstd1 = mean1 + planes, *mean2 = rstd1 + planes, *rstd2 = mean2 + planes;
  const NormSums sums(shape);
  PaddedGradient padded_gradient(shape);

  // Through the second norm and convolution, to the ReLU's output.
  sum_output_gradient(block, mean2, rstd2, sums, parallel);
  const Norm norm1(shape, mean1, rstd1, block.norm1);
  {
    const NormSums::Finished norm2(sums, mean2, rstd2, block.norm2.weight, block.dnorm_weight2, block.dnorm_bias2);
    convolve_backward(
        shape, block.gradient, block.y2, [&](int64_t sample) { return norm2.of(sample); }, block.y1,
        [&](int64_t sample) { return norm1.of(sample); }, block.filters2, padded_gradient, block.dweight2, parallel);
  }

  // Through the ReLU.
  const Scratch gradient1(shape.floats());
  parallel(shape.batch * shape.height, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; item++) {
      const int64_t sample = item / shape.height, at = item * shape.width * padded;
      const NormaliseRelu norm = norm1.of(sample);
      const float* rstd = rstd1 + sample * padded;
      float* to = sums.row(item);
      std::memset(to, 0, 2 * padded * sizeof(float));
      padded_gradient.fold_row(sample, item % shape.height, [&](int64_t column, int64_t c, Vector g) {
        const int64_t pixel = at + column * padded + c;
        const Vector centred = load(block.y1 + pixel) - load(norm.mean + c);
        g = centred * load(norm.scale + c) + load(norm.shift + c) <= 0.f ? Vector{} : g;
        store(gradient1 + pixel, g);
        store(to + c, load(to + c) + g);
        store(to + padded + c, load(to + padded + c) + g * (centred * load(rstd + c)));
      });
    }
  });

  // Through the first norm and convolution, to the input, which the skip connection's gradient reaches as it is.
  const NormSums::Finished gradient_of_norm1(sums, mean1, rstd1, block.norm1.weight, block.dnorm_weight1,
                                             block.dnorm_bias1);
  convolve_backward(
      shape, gradient1, block.y1, [&](int64_t sample) { return gradient_of_norm1.of(sample); }, block.x,
      [&](int64_t sample) { return SubtractFirstPixel{block.x + sample * image}; }, block.filters1, padded_gradient,
      block.dweight1, parallel);
  parallel(shape.batch * shape.height, [&](int64_t begin, int64_t end) {
    RowWriter write(shape, block.dx);
    for (int64_t item = begin; item < end; item++) {
      const int64_t sample = item / shape.height, row = item % shape.height;
      const float* gradient = block.gradient + item * shape.width * padded;
      write(sample, row, [&](float* dx) {
        padded_gradient.fold_row(sample, row, [&](int64_t column, int64_t c, Vector g) {
          store(dx + column * padded + c, load(gradient + column * padded + c) + g);
        });
      });
    }
  });
}

constexpr ResidualBlockKernels kResidualBlock = {to_pixels, packed_floats, pack_filters, forward, backward};

}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
