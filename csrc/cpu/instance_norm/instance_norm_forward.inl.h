// The forward pass: statistics, then every row normalised, activated or added to, and written with its reflections.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "cpu/instance_norm/instance_norm_statistics.inl.h"

namespace i2i::cpu {
namespace I2I_VARIANT {
namespace instance_norm {

template <AfterNorm kAfter>
I2I_INLINE Vector after_norm(Vector value, float negative_slope) {
  if constexpr (kAfter == AfterNorm::kRelu) return relu(value);
  if constexpr (kAfter == AfterNorm::kLeakyRelu) return value > 0.f ? value : value * negative_slope;
  return value;
}

template <class Element, AfterNorm kAfter>
void normalise_row(const Grid& grid, const Coefficients& coefficients, float negative_slope, const Element* x,
                   const Element* skip, Element* out) {
  const auto normalise = [&](Vector value, int64_t place) {
    value =
        (value - load(coefficients.mean + place)) * load(coefficients.scale + place) + load(coefficients.shift + place);
    return after_norm<kAfter>(value, negative_slope);
  };
  for_each_vector(grid.row_values(), grid.period, [&](int64_t place, int64_t first, auto count) {
    if constexpr (std::is_same_v<decltype(count), int64_t>) {
      Vector value = normalise(load_part(x + first, count), place);
      if constexpr (kAfter == AfterNorm::kAddSkip) value += load_part(skip + first, count);
      store_part(out + first, value, count);
    } else {
      Vector value = normalise(load(x + first), place);
      if constexpr (kAfter == AfterNorm::kAddSkip) value += load(skip + first);
      store(out + first, value);
    }
  });
}

// Fills the columns of padding on both sides of a row that is written.
template <class Element>
void reflect_columns(const Grid& grid, Element* row) {
  const auto copy = [&](int64_t to, int64_t from) {
    if (grid.channels == 1) {
      row[to] = row[from];
    } else {
      std::memcpy(row + to * grid.channels, row + from * grid.channels, grid.channels * sizeof(Element));
    }
  };
  const int64_t last = grid.pad + grid.columns - 1;
  for (int64_t distance = 1; distance <= grid.pad; distance++) {
    copy(grid.pad - distance, grid.pad + distance);
    copy(last + distance, last - distance);
  }
}

// Writes an image's row wherever the padded image shows it.
template <class Element, AfterNorm kAfter>
void write_row(const Grid& grid, const InstanceNormForward& norm, const Coefficients& coefficients, int64_t image,
               int64_t row) {
  const int64_t at = image * grid.image_values() + row * grid.row_values();
  const Element* x = static_cast<const Element*>(norm.x) + at;
  const Element* skip = kAfter == AfterNorm::kAddSkip ? static_cast<const Element*>(norm.skip) + at : nullptr;
  Element* out = static_cast<Element*>(norm.out) + image * grid.padded_image_values();

  int64_t places[3];
  const int count = places_of(row, grid.rows, grid.pad, places);
  Element* written = out + places[0] * grid.padded_row_values();
  normalise_row<Element, kAfter>(grid, coefficients, norm.negative_slope, x, skip, written + grid.pad * grid.channels);
  reflect_columns(grid, written);
  for (int i = 1; i < count; i++) {
    std::memcpy(out + places[i] * grid.padded_row_values(), written, grid.padded_row_values() * sizeof(Element));
  }
}

// After combine(): an image's mean and rstd, and the coefficients made of them.
inline void finish_statistics(const Grid& grid, const InstanceNormForward& norm, int64_t image, const ChunkSums& sums,
                              const Coefficients& coefficients) {
  const int64_t at = image * grid.channels;
  const Memory<double> residual(grid.channels);
  for (int64_t c = 0; c < grid.channels; c++) {
    const Moments found = moments(grid, sums, c);
    norm.mean[at + c] = static_cast<float>(found.mean);
    norm.rstd[at + c] = static_cast<float>(1 / std::sqrt(found.variance + norm.eps));
    residual[c] = rounding_shows(norm.mean[at + c], norm.rstd[at + c]) ? found.mean - norm.mean[at + c] : 0;
  }
  fill_coefficients(grid, image, norm.mean, norm.rstd, residual, norm.weight, norm.bias, norm.shape.channels,
                    coefficients);
}

template <class Element, AfterNorm kAfter>
void forward_of(const InstanceNormForward& norm, const Parallel& parallel) {
  const Grid grid(norm.shape);
  if (grid.values() == 0) {
    const int64_t planes = norm.shape.batch * norm.shape.channels;
    std::fill(norm.mean, norm.mean + planes, 0.f);
    std::fill(norm.rstd, norm.rstd + planes, static_cast<float>(1 / std::sqrt(norm.eps)));
    return;
  }
  run_images(grid, sizeof(Element), parallel, [&](int64_t begin, int64_t end, const Parallel& spread) {
    const Memory<double> records((end - begin) * grid.chunks * ChunkSums::doubles(grid));
    const Memory<float> tables((end - begin) * Coefficients::floats(grid));
    sum_images<Element>(grid, norm.x, begin, end, records, spread);
    spread(end - begin, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; i++) {
        finish_statistics(grid, norm, begin + i, ChunkSums(grid, records, i * grid.chunks),
                          Coefficients(grid, tables, i));
      }
    });
    spread((end - begin) * grid.rows, [&](int64_t first, int64_t last) {
      for (int64_t item = first; item < last; item++) {
        const int64_t i = item / grid.rows;
        write_row<Element, kAfter>(grid, norm, Coefficients(grid, tables, i), begin + i, item % grid.rows);
      }
    });
  });
}

template <class Element>
void forward_for(const InstanceNormForward& norm, const Parallel& parallel) {
  switch (norm.after) {
    case AfterNorm::kNothing:
      return forward_of<Element, AfterNorm::kNothing>(norm, parallel);
    case AfterNorm::kRelu:
      return forward_of<Element, AfterNorm::kRelu>(norm, parallel);
    case AfterNorm::kLeakyRelu:
      return forward_of<Element, AfterNorm::kLeakyRelu>(norm, parallel);
    case AfterNorm::kAddSkip:
      return forward_of<Element, AfterNorm::kAddSkip>(norm, parallel);
  }
}

inline void forward(const InstanceNormForward& norm, const Parallel& parallel) {
  norm.shape.bfloat16 ? forward_for<uint16_t>(norm, parallel) : forward_for<float>(norm, parallel);
}

}  // namespace instance_norm
}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
