// Convolutions between an image of few channels and features of many. Vectors run over the many channels. The few
// channels of neighbouring pixels lie side by side, so a row of taps is one run of kernel * narrow floats.
#pragma once

#include "cpu/image_convolution/image_convolution.h"
#include "cpu/runtime/scratch.h"
#include "cpu/runtime/standard_headers.h"
#include "cpu/runtime/vector.inl.h"

namespace i2i::cpu {
namespace I2I_VARIANT {

static_assert(kWideMultiple % kVectorFloats == 0);

I2I_INLINE float sum_of_lanes(Vector value) {
  float total = 0;
  for (int lane = 0; lane < kVectorFloats; lane++) total += value[lane];
  return total;
}

// ------------------------------------------------------------------------------------------------------ expand

constexpr int kExpandVectors = 2;
constexpr int kExpandPixels = kVectorFloats == 16 ? 12 : 6;

// Pixels x Vectors results at `to`; taps of a row are a run of `run` floats that starts `narrow` further each pixel.
template <int Pixels, int Vectors>
inline __attribute__((noinline)) void expand_pixels(const float* from, int64_t row_stride, int64_t narrow,
                                                    const float* weight, int64_t kernel, int64_t wide,
                                                    const float* bias, float* to) {
  Vector sums[Pixels][Vectors];
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; v++) {
    const Vector start = bias ? load(bias + v * kVectorFloats) : Vector{};
#pragma GCC unroll 16
    for (int pixel = 0; pixel < Pixels; pixel++) sums[pixel][v] = start;
  }
  const int64_t run = kernel * narrow;
  for (int64_t row = 0; row < kernel; row++, from += row_stride) {
    for (int64_t tap = 0; tap < run; tap++, weight += wide) {
      Vector factors[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; v++) factors[v] = load(weight + v * kVectorFloats);
#pragma GCC unroll 16
      for (int pixel = 0; pixel < Pixels; pixel++) {
        const float value = from[pixel * narrow + tap];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; v++) sums[pixel][v] += factors[v] * value;
      }
    }
  }
#pragma GCC unroll 16
  for (int pixel = 0; pixel < Pixels; pixel++) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; v++) store(to + pixel * wide + v * kVectorFloats, sums[pixel][v]);
  }
}

template <int Vectors>
inline void expand_row(const ImageConvolution& shape, const float* from, int64_t row_stride, const float* weight,
                       const float* bias, float* to) {
  int64_t pixel = 0;
  for (; pixel + kExpandPixels <= shape.width; pixel += kExpandPixels) {
    expand_pixels<kExpandPixels, Vectors>(from + pixel * shape.narrow, row_stride, shape.narrow, weight, shape.kernel,
                                          shape.wide, bias, to + pixel * shape.wide);
  }
  for (; pixel < shape.width; pixel++) {
    expand_pixels<1, Vectors>(from + pixel * shape.narrow, row_stride, shape.narrow, weight, shape.kernel, shape.wide,
                              bias, to + pixel * shape.wide);
  }
}

inline void expand(const ImageConvolution& shape, const float* narrow, const float* weight, const float* bias,
                   float* wide, const Parallel& parallel) {
  const int64_t row_stride = (shape.width + shape.kernel - 1) * shape.narrow;
  parallel(shape.batch * shape.height, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; item++) {
      const int64_t sample = item / shape.height, row = item % shape.height;
      const float* from = narrow + (sample * (shape.height + shape.kernel - 1) + row) * row_stride;
      float* to = wide + item * shape.width * shape.wide;
      for (int64_t channel = 0; channel < shape.wide; channel += kExpandVectors * kVectorFloats) {
        const float* bias_here = bias ? bias + channel : nullptr;
        if (shape.wide - channel >= kExpandVectors * kVectorFloats) {
          expand_row<kExpandVectors>(shape, from, row_stride, weight + channel, bias_here, to + channel);
        } else {
          expand_row<1>(shape, from, row_stride, weight + channel, bias_here, to + channel);
        }
      }
    }
  });
}

// ------------------------------------------------------------------------------------------------------ reduce

constexpr int kReduceSums = kVectorFloats == 16 ? 21 : 12;  // in registers

// `Pixels` neighbouring results of `Narrow` channels each.
template <int Narrow, int Pixels>
inline __attribute__((noinline)) void reduce_pixels(const float* from, int64_t row_stride, const float* weight,
                                                    int64_t kernel, int64_t wide, const float* bias, float* to) {
  Vector sums[Pixels][Narrow] = {};
  for (int64_t row = 0; row < kernel; row++, from += row_stride) {
    for (int64_t column = 0; column < kernel; column++, weight += Narrow * wide) {
      for (int64_t channel = 0; channel < wide; channel += kVectorFloats) {
        Vector factors[Narrow];
#pragma GCC unroll 4
        for (int j = 0; j < Narrow; j++) factors[j] = load(weight + j * wide + channel);
#pragma GCC unroll 16
        for (int pixel = 0; pixel < Pixels; pixel++) {
          const Vector value = load(from + (pixel + column) * wide + channel);
#pragma GCC unroll 4
          for (int j = 0; j < Narrow; j++) sums[pixel][j] += factors[j] * value;
        }
      }
    }
  }
  for (int pixel = 0; pixel < Pixels; pixel++) {
    for (int j = 0; j < Narrow; j++) to[pixel * Narrow + j] = sum_of_lanes(sums[pixel][j]) + (bias ? bias[j] : 0.f);
  }
}

template <int Narrow>
inline void reduce_for(const ImageConvolution& shape, const float* wide, const float* weight, const float* bias,
                       float* narrow, const Parallel& parallel) {
  constexpr int kPixels = kReduceSums / Narrow;
  const int64_t row_stride = (shape.width + shape.kernel - 1) * shape.wide;
  parallel(shape.batch * shape.height, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; item++) {
      const int64_t sample = item / shape.height, row = item % shape.height;
      const float* from = wide + (sample * (shape.height + shape.kernel - 1) + row) * row_stride;
      float* to = narrow + item * shape.width * Narrow;
      int64_t pixel = 0;
      for (; pixel + kPixels <= shape.width; pixel += kPixels) {
        reduce_pixels<Narrow, kPixels>(from + pixel * shape.wide, row_stride, weight, shape.kernel, shape.wide, bias,
                                       to + pixel * Narrow);
      }
      for (; pixel < shape.width; pixel++) {
        reduce_pixels<Narrow, 1>(from + pixel * shape.wide, row_stride, weight, shape.kernel, shape.wide, bias,
                                 to + pixel * Narrow);
      }
    }
  });
}

inline void reduce(const ImageConvolution& shape, const float* wide, const float* weight, const float* bias,
                   float* narrow, const Parallel& parallel) {
  switch (shape.narrow) {
    case 1:
      return reduce_for<1>(shape, wide, weight, bias, narrow, parallel);
    case 2:
      return reduce_for<2>(shape, wide, weight, bias, narrow, parallel);
    case 3:
      return reduce_for<3>(shape, wide, weight, bias, narrow, parallel);
    default:
      return reduce_for<4>(shape, wide, weight, bias, narrow, parallel);
  }
}

// ------------------------------------------------------------------------------------------------------- outer

constexpr int kOuterSums = kVectorFloats == 16 ? 24 : 12;

// sums[m] += narrow[pixel * step + m] * wide[pixel] over a row of `pixels`, for one vector of wide channels.
template <int Sums>
inline __attribute__((noinline)) void add_outer_row(const float* narrow, int64_t step, const float* wide,
                                                    int64_t wide_stride, int64_t pixels, float* result,
                                                    int64_t result_stride) {
  Vector sums[Sums];
#pragma GCC unroll 32
  for (int m = 0; m < Sums; m++) sums[m] = load(result + m * result_stride);
  for (int64_t pixel = 0; pixel < pixels; pixel++, narrow += step, wide += wide_stride) {
    const Vector value = load(wide);
#pragma GCC unroll 32
    for (int m = 0; m < Sums; m++) sums[m] += value * narrow[m];
  }
#pragma GCC unroll 32
  for (int m = 0; m < Sums; m++) store(result + m * result_stride, sums[m]);
}

using AddOuterRow = void (*)(const float*, int64_t, const float*, int64_t, int64_t, float*, int64_t);

template <int Sums = kOuterSums>
inline AddOuterRow add_outer_row_of(int64_t sums) {
  if constexpr (Sums == 1) {
    return add_outer_row<1>;
  } else {
    return sums == Sums ? add_outer_row<Sums> : add_outer_row_of<Sums - 1>(sums);
  }
}

// Rows of the output are summed in parts of kOuterRows, and the parts in order, whatever the number of threads.
constexpr int64_t kOuterRows = 16;

inline void outer(const ImageConvolution& shape, const float* narrow, const float* wide, bool narrow_is_input,
                  float* weight, const Parallel& parallel) {
  const int64_t kernel = shape.kernel, margin = kernel - 1, run = kernel * shape.narrow;
  const int64_t parts_of_image = (shape.height + kOuterRows - 1) / kOuterRows, parts = shape.batch * parts_of_image;
  const int64_t row_floats = run * shape.wide, weight_floats = kernel * row_floats;
  const Scratch sums(parts * weight_floats);
  // Where the wide side is the input, a pixel of it meets the pixels up to `margin` before it: the narrow rows get that
  // many zeros on both sides, and the taps of a row come out in reverse.
  const int64_t padded_width = shape.width + 2 * margin;
  parallel(parts * kernel, [&](int64_t begin, int64_t end) {
    const Scratch padded(narrow_is_input ? 0 : padded_width * shape.narrow);
    if (!narrow_is_input) std::memset(padded, 0, padded_width * shape.narrow * sizeof(float));
    for (int64_t item = begin; item < end; item++) {
      const int64_t part = item / kernel, tap_row = item % kernel;
      const int64_t sample = part / parts_of_image, first = part % parts_of_image * kOuterRows;
      float* to = sums + part * weight_floats + tap_row * row_floats;
      std::memset(to, 0, row_floats * sizeof(float));
      for (int64_t row = first; row < std::min(first + kOuterRows, shape.height); row++) {
        const float *narrow_row, *wide_row;
        int64_t pixels = shape.width;
        if (narrow_is_input) {
          narrow_row =
              narrow + (sample * (shape.height + margin) + row + tap_row) * (shape.width + margin) * shape.narrow;
          wide_row = wide + (sample * shape.height + row) * shape.width * shape.wide;
        } else {
          std::memcpy(padded + margin * shape.narrow,
                      narrow + (sample * shape.height + row) * shape.width * shape.narrow,
                      shape.width * shape.narrow * sizeof(float));
          narrow_row = padded;
          wide_row = wide + (sample * (shape.height + margin) + row + tap_row) * (shape.width + margin) * shape.wide;
          pixels = shape.width + margin;
        }
        for (int64_t first_sum = 0; first_sum < run; first_sum += kOuterSums) {
          const AddOuterRow add = add_outer_row_of(std::min<int64_t>(kOuterSums, run - first_sum));
          for (int64_t channel = 0; channel < shape.wide; channel += kVectorFloats) {
            add(narrow_row + first_sum, shape.narrow, wide_row + channel, shape.wide, pixels,
                to + first_sum * shape.wide + channel, shape.wide);
          }
        }
      }
    }
  });
  parallel(kernel * run, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; item++) {
      const int64_t tap_row = item / run, column = item % run / shape.narrow, j = item % shape.narrow;
      const int64_t from_column = narrow_is_input ? column : margin - column;
      const float* from = sums + tap_row * row_floats + (from_column * shape.narrow + j) * shape.wide;
      for (int64_t channel = 0; channel < shape.wide; channel++) {
        double total = 0;
        for (int64_t part = 0; part < parts; part++) total += from[part * weight_floats + channel];
        weight[item * shape.wide + channel] = static_cast<float>(total);
      }
    }
  });
}

constexpr ImageConvolutionKernels kImageConvolution = {expand, reduce, outer};

}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
