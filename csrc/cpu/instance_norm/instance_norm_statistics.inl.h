// Mean and variance of each channel of an image, in one pass over memory.
//
// The sums are of double precision and of the differences to the image's first pixel: exact for planes that are
// constant, and accurate for a mean that is any number of deviations away from zero.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "cpu/instance_norm/instance_norm_grid.inl.h"

namespace i2i::cpu {
namespace I2I_VARIANT {
namespace instance_norm {

// Sums over a chunk: `shift`, the values of the first pixel, the sums of x - shift, and of its squares; each [period].
struct ChunkSums {
  double *shift, *sum, *square;

  ChunkSums(const Grid& grid, double* records, int64_t chunk)
      : shift(records + chunk * doubles(grid)), sum(shift + grid.period), square(sum + grid.period) {}
  static int64_t doubles(const Grid& grid) { return 3 * grid.period; }
};

template <int kParts>
I2I_INLINE void add_lanes(double* to, const Doubles (&parts)[kParts], int64_t skipped) {
  if (skipped == 0) {
#pragma GCC unroll 4
    for (int p = 0; p < kParts; p++) store_doubles(to + p * kDoubles, load_doubles(to + p * kDoubles) + parts[p]);
    return;
  }
  double lanes[kParts * kDoubles];
  std::memcpy(lanes, parts, sizeof lanes);
  for (int64_t lane = skipped; lane < kParts * kDoubles; lane++) to[lane] += lanes[lane];
}

template <class Element>
void add_periods(const Grid& grid, const Element* x, int64_t periods, const ChunkSums& sums) {
  for_each_block(grid.period, [&](auto vectors, int64_t first, int64_t skipped) {
    constexpr int kParts = 2 * decltype(vectors)::value;
    Doubles shift[kParts], sum[kParts] = {}, square[kParts] = {};
#pragma GCC unroll 4
    for (int p = 0; p < kParts; p++) shift[p] = load_doubles(sums.shift + first + p * kDoubles);
    const Element* from = x + first;
    for (int64_t period = 0; period < periods; period++, from += grid.period) {
#pragma GCC unroll 4
      for (int p = 0; p < kParts; p++) {
        const Doubles difference = load_doubles(from + p * kDoubles) - shift[p];
        sum[p] += difference;
        square[p] += difference * difference;
      }
    }
    add_lanes(sums.sum + first, sum, skipped);
    add_lanes(sums.square + first, square, skipped);
  });
}

template <class Element>
void sum_chunk(const Grid& grid, const Element* image, int64_t chunk, const ChunkSums& sums) {
  fill_table(grid, grid.period, sums.shift, [&](int64_t c) { return static_cast<double>(as_float(image[c])); });
  std::fill(sums.sum, sums.sum + 2 * grid.period, 0.0);

  const int64_t first_row = chunk * grid.chunk_rows, rows = std::min(grid.chunk_rows, grid.rows - first_row);
  const Element* x = image + first_row * grid.row_values();
  const int64_t values = rows * grid.row_values(), steps = std::max<int64_t>(1, kSegment / grid.period);
  int64_t left = values / grid.period;
  for (; left > 0; left -= std::min(left, steps), x += steps * grid.period) {
    add_periods(grid, x, std::min(left, steps), sums);
  }

  // Pixels that fill no period, completed by copies of the first pixel, which add nothing.
  const int64_t rest = values % grid.period;
  if (rest > 0) {
    Element whole[2 * kVectorFloats * kVectorFloats];
    fill_table(grid, grid.period, whole, [&](int64_t c) { return image[c]; });
    std::memcpy(whole, image + first_row * grid.row_values() + values - rest, rest * sizeof(Element));
    add_periods(grid, whole, 1, sums);
  }
}

// Adds up the sums [period] of an image's chunks, `stride` apart, and in each those of a channel's lanes, always in the
// same order; the results are the first [channels].
inline void combine(const Grid& grid, double* sums, int64_t stride) {
  for (int64_t chunk = 1; chunk < grid.chunks; chunk++) {
    for (int64_t i = 0; i < grid.period; i++) sums[i] += sums[chunk * stride + i];
  }
  // A period holds a power of two of pixels.
  for (int64_t half = grid.period / 2; half >= grid.channels; half /= 2) {
    for (int64_t i = 0; i < half; i++) sums[i] += sums[half + i];
  }
}

struct Moments {
  double mean, variance;
};

// After combine(): the moments of a channel.
inline Moments moments(const Grid& grid, const ChunkSums& sums, int64_t channel) {
  const double count = static_cast<double>(grid.pixels());
  const double mean = sums.sum[channel] / count;
  const double variance = sums.square[channel] / count - mean * mean;
  return {sums.shift[channel] + mean, variance < 0 ? 0 : variance};  // NaN stays NaN
}

// What turns x into normalised, scaled values: (x - mean) * scale + shift, tables of Grid::table_floats() each.
struct Coefficients {
  float *mean, *scale, *shift;

  Coefficients(const Grid& grid, float* tables, int64_t image)
      : mean(tables + image * floats(grid)), scale(mean + grid.table_floats()), shift(scale + grid.table_floats()) {}
  static int64_t floats(const Grid& grid) { return 3 * grid.table_floats(); }
};

// Rounding the mean to float32 moves the normalised values by up to |mean| * rstd * 2^-24. Where that would show, the
// difference that was rounded away is taken along.
inline bool rounding_shows(float mean, float rstd) { return !(std::abs(mean) * rstd <= 8.f); }

// Sums up all chunks of the images [begin, end), in records that begin with image `begin`.
template <class Element>
void sum_images(const Grid& grid, const void* x, int64_t begin, int64_t end, double* records,
                const Parallel& parallel) {
  parallel((end - begin) * grid.chunks, [&](int64_t first, int64_t last) {
    for (int64_t item = first; item < last; item++) {
      const Element* image = static_cast<const Element*>(x) + (begin + item / grid.chunks) * grid.image_values();
      sum_chunk(grid, image, item % grid.chunks, ChunkSums(grid, records, item));
    }
  });
  parallel(end - begin, [&](int64_t first, int64_t last) {
    for (int64_t image = first; image < last; image++) {
      const ChunkSums sums(grid, records, image * grid.chunks);
      combine(grid, sums.sum, ChunkSums::doubles(grid));
      combine(grid, sums.square, ChunkSums::doubles(grid));
    }
  });
}

inline void fill_coefficients(const Grid& grid, int64_t image, const float* mean, const float* rstd,
                              const double* residual, const float* weight, const float* bias, int64_t all_channels,
                              const Coefficients& to) {
  const int64_t at = image * grid.channels;
  const auto channel = [&](int64_t c) { return (at + c) % all_channels; };
  fill_table(grid, grid.table_floats(), to.mean, [&](int64_t c) { return mean[at + c]; });
  fill_table(grid, grid.table_floats(), to.scale,
             [&](int64_t c) { return weight ? weight[channel(c)] * rstd[at + c] : rstd[at + c]; });
  fill_table(grid, grid.table_floats(), to.shift, [&](int64_t c) {
    return static_cast<float>((bias ? bias[channel(c)] : 0.0) - residual[c] * to.scale[c]);
  });
}

}  // namespace instance_norm
}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
