// The backward pass. With n = (x - mean) * rstd and g the output's gradient, folded back over the reflections and
// masked by the activation, which is computed again from x:
//
//   dbias = sum(g),  dweight = sum(g n),  dx = weight * rstd * (g - mean(g) - n * mean(g n))
//
// The sums read the gradient and x once, dx reads them a second time. A gradient is gathered from the places that show
// its pixel, in a fixed order.
#pragma once

#include <cstdint>

#include "cpu/instance_norm/instance_norm_statistics.inl.h"

namespace i2i::cpu {
namespace I2I_VARIANT {
namespace instance_norm {

template <class Element>
I2I_INLINE void copy_values(const Element* from, int64_t count, float* to) {
  for (int64_t i = 0; i < count; i++) to[i] = as_float(from[i]);
}

template <class Element>
I2I_INLINE void add_values(const Element* from, int64_t count, float* to) {
  for (int64_t i = 0; i < count; i++) to[i] += as_float(from[i]);
}

// The gradient of the columns [begin, end) of a row before it was padded, from an image of gradients.
template <class Element>
const float* fold(const Grid& grid, const Element* gradient, int64_t row, int64_t begin, int64_t end, float* buffer) {
  int64_t places[3];
  const int count = places_of(row, grid.rows, grid.pad, places);
  const int64_t channels = grid.channels, last = grid.columns - 1;
  for (int i = 0; i < count; i++) {
    const Element* padded = gradient + places[i] * grid.padded_row_values();
    const Element* from = padded + (grid.pad + begin) * channels;
    if constexpr (std::is_same_v<Element, float>) {
      if (grid.pad == 0) return from;
    }
    if (i == 0) {
      copy_values(from, (end - begin) * channels, buffer);
    } else {
      add_values(from, (end - begin) * channels, buffer);
    }
    for (int64_t column = std::max<int64_t>(begin, 1); column < std::min(end, grid.pad + 1); column++) {
      add_values(padded + (grid.pad - column) * channels, channels, buffer + (column - begin) * channels);
    }
    for (int64_t column = std::max(begin, last - grid.pad); column < std::min(end, last); column++) {
      add_values(padded + (grid.pad + 2 * last - column) * channels, channels, buffer + (column - begin) * channels);
    }
  }
  return buffer;
}

// The gradient before the activation, whose argument was `value`. NaN passes where PyTorch lets it pass.
template <AfterNorm kAfter>
I2I_INLINE Vector before_activation(Vector gradient, Vector value, float negative_slope) {
  if constexpr (kAfter == AfterNorm::kRelu) return value <= 0.f ? Vector{} : gradient;
  if constexpr (kAfter == AfterNorm::kLeakyRelu) return value > 0.f ? gradient : gradient * negative_slope;
  return gradient;
}

// Sums over a chunk: of g and of g * (x - mean); each [period].
struct GradientSums {
  double *gradient, *product;

  GradientSums(const Grid& grid, double* records, int64_t chunk)
      : gradient(records + chunk * doubles(grid)), product(gradient + grid.period) {}
  static int64_t doubles(const Grid& grid) { return 2 * grid.period; }
};

template <class Element, AfterNorm kAfter>
void add_gradient_periods(const Grid& grid, const Coefficients& coefficients, float negative_slope,
                          const float* gradient, const Element* x, int64_t periods, const GradientSums& sums) {
  for_each_block(grid.period, [&](auto vectors, int64_t first, int64_t skipped) {
    constexpr int kVectors = decltype(vectors)::value;
    Vector mean[kVectors], scale[kVectors], shift[kVectors], sum[kVectors] = {}, product[kVectors] = {};
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; v++) {
      mean[v] = load(coefficients.mean + first + v * kVectorFloats);
      scale[v] = load(coefficients.scale + first + v * kVectorFloats);
      shift[v] = load(coefficients.shift + first + v * kVectorFloats);
    }
    for (int64_t at = first; at < periods * grid.period; at += grid.period) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; v++) {
        const Vector centred = load(x + at + v * kVectorFloats) - mean[v];
        const Vector g = before_activation<kAfter>(load(gradient + at + v * kVectorFloats),
                                                   centred * scale[v] + shift[v], negative_slope);
        sum[v] += g;
        product[v] += g * centred;
      }
    }
    float lanes[2][kVectors * kVectorFloats];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; v++) {
      store(lanes[0] + v * kVectorFloats, sum[v]);
      store(lanes[1] + v * kVectorFloats, product[v]);
    }
    for (int64_t lane = skipped; lane < kVectors * kVectorFloats; lane++) {
      sums.gradient[first + lane] += lanes[0][lane];
      sums.product[first + lane] += lanes[1][lane];
    }
  });
}

// Calls work(at, gradient, values) for segments that cover the rows [first, end) of an image, `at` being where they
// begin in it: several rows, or a part of one.
template <class Element, class Work>
I2I_INLINE void for_each_segment(const Grid& grid, const Element* gradient, int64_t first, int64_t end, float* buffer,
                                 const Work& work) {
  const int64_t values = grid.row_values(), rows = kSegment / values;
  if (rows == 0) {
    for (int64_t row = first; row < end; row++) {
      for (int64_t column = 0; column < grid.columns; column += grid.segment_columns()) {
        const int64_t columns = std::min(grid.segment_columns(), grid.columns - column);
        work(row * values + column * grid.channels, fold(grid, gradient, row, column, column + columns, buffer),
             columns * grid.channels);
      }
    }
    return;
  }
  for (int64_t row = first; row < end; row += rows) {
    const int64_t count = std::min(rows, end - row);
    const float* folded = fold(grid, gradient, row, 0, grid.columns, buffer);
    for (int64_t i = 1; i < count; i++) fold(grid, gradient, row + i, 0, grid.columns, buffer + i * values);
    work(row * values, folded, count * values);
  }
}

// The size of for_each_segment's buffer.
inline int64_t segment_floats(const Grid& grid) { return std::max(kSegment, grid.segment_columns() * grid.channels); }

template <class Element, AfterNorm kAfter>
void sum_gradient_chunk(const Grid& grid, const InstanceNormBackward& norm, const Coefficients& coefficients,
                        int64_t image, int64_t chunk, float* buffer, const GradientSums& sums) {
  const Element* gradient = static_cast<const Element*>(norm.gradient) + image * grid.padded_image_values();
  const Element* x = static_cast<const Element*>(norm.x) + image * grid.image_values();
  const int64_t first = chunk * grid.chunk_rows, end = std::min(first + grid.chunk_rows, grid.rows);
  std::fill(sums.gradient, sums.gradient + 2 * grid.period, 0.0);

  for_each_segment(grid, gradient, first, end, buffer, [&](int64_t at, const float* g, int64_t values) {
    const int64_t periods = values / grid.period, whole = periods * grid.period;
    add_gradient_periods<Element, kAfter>(grid, coefficients, norm.negative_slope, g, x + at, periods, sums);
    if (whole == values) return;
    // Pixels that fill no period, completed by a gradient of zero.
    float last_g[2 * kVectorFloats * kVectorFloats], last_x[2 * kVectorFloats * kVectorFloats];
    std::fill(last_g, last_g + grid.period, 0.f);
    std::memcpy(last_x, coefficients.mean, grid.period * sizeof(float));
    copy_values(g + whole, values - whole, last_g);
    copy_values(x + at + whole, values - whole, last_x);
    add_gradient_periods<float, kAfter>(grid, coefficients, norm.negative_slope, last_g, last_x, 1, sums);
  });
}

// dx = scale * g + slope * (x - mean) + offset: tables of Grid::table_floats() each.
struct GradientCoefficients {
  float *slope, *offset;

  GradientCoefficients(const Grid& grid, float* tables, int64_t image)
      : slope(tables + image * floats(grid)), offset(slope + grid.table_floats()) {}
  static int64_t floats(const Grid& grid) { return 2 * grid.table_floats(); }
};

// After combine(): makes the coefficients of an image's dx, and turns the sums into those of g and g n.
inline void finish_gradient_sums(const Grid& grid, const InstanceNormBackward& norm, int64_t image,
                                 const double* residual, const Coefficients& coefficients, const GradientSums& sums,
                                 const GradientCoefficients& to) {
  const float* rstd = norm.rstd + image * grid.channels;
  const double count = static_cast<double>(grid.pixels());
  for (int64_t c = 0; c < grid.channels; c++) {
    sums.product[c] = rstd[c] * (sums.product[c] - residual[c] * sums.gradient[c]);
  }
  const auto slope = [&](int64_t c) {
    return -static_cast<double>(coefficients.scale[c]) * rstd[c] * (sums.product[c] / count);
  };
  fill_table(grid, grid.table_floats(), to.slope, [&](int64_t c) { return static_cast<float>(slope(c)); });
  fill_table(grid, grid.table_floats(), to.offset, [&](int64_t c) {
    return static_cast<float>(-coefficients.scale[c] * (sums.gradient[c] / count) - slope(c) * residual[c]);
  });
}

template <class Element, AfterNorm kAfter>
void write_gradient_rows(const Grid& grid, const InstanceNormBackward& norm, const Coefficients& coefficients,
                         const GradientCoefficients& gradient_coefficients, int64_t image, int64_t first_row,
                         int64_t end_row, float* buffer) {
  const Element* gradient = static_cast<const Element*>(norm.gradient) + image * grid.padded_image_values();
  for_each_segment(grid, gradient, first_row, end_row, buffer, [&](int64_t begin, const float* g, int64_t values) {
    const int64_t at = image * grid.image_values() + begin;
    const Element* x = static_cast<const Element*>(norm.x) + at;
    Element* dx = static_cast<Element*>(norm.dx) + at;
    Element* dskip = kAfter == AfterNorm::kAddSkip ? static_cast<Element*>(norm.dskip) + at : nullptr;

    const auto gradient_of = [&](Vector value, Vector gradient_value, int64_t place) {
      const Vector centred = value - load(coefficients.mean + place), scale = load(coefficients.scale + place);
      gradient_value = before_activation<kAfter>(gradient_value, centred * scale + load(coefficients.shift + place),
                                                 norm.negative_slope);
      return scale * gradient_value +
             (load(gradient_coefficients.slope + place) * centred + load(gradient_coefficients.offset + place));
    };
    for_each_vector(values, grid.period, [&](int64_t place, int64_t first, auto count) {
      if constexpr (std::is_same_v<decltype(count), int64_t>) {
        const Vector gradient_value = load_part(g + first, count);
        store_part(dx + first, gradient_of(load_part(x + first, count), gradient_value, place), count);
        if constexpr (kAfter == AfterNorm::kAddSkip) store_part(dskip + first, gradient_value, count);
      } else {
        const Vector gradient_value = load(g + first);
        store(dx + first, gradient_of(load(x + first), gradient_value, place));
        if constexpr (kAfter == AfterNorm::kAddSkip) store(dskip + first, gradient_value);
      }
    });
  });
}

// What rounding took from the means of an image, where it shows: found again by the very sums of the forward pass, so
// that the activation's argument has the same bits as there.
template <class Element>
void find_residuals(const Grid& grid, const InstanceNormBackward& norm, int64_t begin, int64_t end, double* residuals,
                    const Parallel& parallel) {
  const int64_t first = begin * grid.channels, count = (end - begin) * grid.channels;
  bool any = false;
  for (int64_t i = first; i < first + count; i++) any |= rounding_shows(norm.mean[i], norm.rstd[i]);
  std::fill(residuals, residuals + count, 0.0);
  if (!any) return;

  const Memory<double> records((end - begin) * grid.chunks * ChunkSums::doubles(grid));
  sum_images<Element>(grid, norm.x, begin, end, records, parallel);
  for (int64_t i = 0; i < count; i++) {
    if (!rounding_shows(norm.mean[first + i], norm.rstd[first + i])) continue;
    const ChunkSums sums(grid, records, i / grid.channels * grid.chunks);
    residuals[i] = moments(grid, sums, i % grid.channels).mean - norm.mean[first + i];
  }
}

// The passes over the images [begin, end); `totals` receives their sums of g and g n: [2, images * channels].
template <class Element, AfterNorm kAfter>
void backward_images(const Grid& grid, const InstanceNormBackward& norm, int64_t begin, int64_t end, double* totals,
                     const Parallel& parallel) {
  const int64_t images = end - begin;
  const Memory<double> residuals(images * grid.channels);
  const Memory<double> records(images * grid.chunks * GradientSums::doubles(grid));
  const Memory<float> tables(images * Coefficients::floats(grid));
  const Memory<float> gradient_tables(images * GradientCoefficients::floats(grid));

  find_residuals<Element>(grid, norm, begin, end, residuals, parallel);
  for (int64_t i = 0; i < images; i++) {
    fill_coefficients(grid, begin + i, norm.mean, norm.rstd, residuals + i * grid.channels, norm.weight, norm.bias,
                      norm.shape.channels, Coefficients(grid, tables, i));
  }
  parallel(images * grid.chunks, [&](int64_t first, int64_t last) {
    const Memory<float> buffer(segment_floats(grid));
    for (int64_t item = first; item < last; item++) {
      const int64_t i = item / grid.chunks;
      sum_gradient_chunk<Element, kAfter>(grid, norm, Coefficients(grid, tables, i), begin + i, item % grid.chunks,
                                          buffer, GradientSums(grid, records, item));
    }
  });
  parallel(images, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      const GradientSums sums(grid, records, i * grid.chunks);
      combine(grid, sums.gradient, GradientSums::doubles(grid));
      combine(grid, sums.product, GradientSums::doubles(grid));
      finish_gradient_sums(grid, norm, begin + i, residuals + i * grid.channels, Coefficients(grid, tables, i), sums,
                           GradientCoefficients(grid, gradient_tables, i));
      const int64_t at = (begin + i) * grid.channels;
      std::copy(sums.gradient, sums.gradient + grid.channels, totals + at);
      std::copy(sums.product, sums.product + grid.channels, totals + grid.images * grid.channels + at);
    }
  });
  parallel(images * grid.rows, [&](int64_t first, int64_t last) {
    const Memory<float> buffer(segment_floats(grid));
    for (int64_t item = first; item < last;) {
      const int64_t i = item / grid.rows, row = item % grid.rows, rows = std::min(grid.rows - row, last - item);
      write_gradient_rows<Element, kAfter>(grid, norm, Coefficients(grid, tables, i),
                                           GradientCoefficients(grid, gradient_tables, i), begin + i, row, row + rows,
                                           buffer);
      item += rows;
    }
  });
}

template <class Element, AfterNorm kAfter>
void backward_of(const InstanceNormBackward& norm, const Parallel& parallel) {
  const Grid grid(norm.shape);
  const int64_t channels = norm.shape.channels, planes = norm.shape.batch * channels;
  const Memory<double> totals(2 * planes);
  if (grid.values() == 0) {
    std::fill(totals + 0, totals + 2 * planes, 0.0);
  } else {
    run_images(grid, 2 * sizeof(Element), parallel, [&](int64_t begin, int64_t end, const Parallel& spread) {
      backward_images<Element, kAfter>(grid, norm, begin, end, totals, spread);
    });
  }
  const auto sum_batch = [&](const double* of_planes, float* to) {
    for (int64_t c = 0; to && c < channels; c++) {
      double sum = 0;
      for (int64_t plane = c; plane < planes; plane += channels) sum += of_planes[plane];
      to[c] = static_cast<float>(sum);
    }
  };
  sum_batch(totals, norm.dbias);
  sum_batch(totals + planes, norm.dweight);
}

template <class Element>
void backward_for(const InstanceNormBackward& norm, const Parallel& parallel) {
  switch (norm.after) {
    case AfterNorm::kNothing:
      return backward_of<Element, AfterNorm::kNothing>(norm, parallel);
    case AfterNorm::kRelu:
      return backward_of<Element, AfterNorm::kRelu>(norm, parallel);
    case AfterNorm::kLeakyRelu:
      return backward_of<Element, AfterNorm::kLeakyRelu>(norm, parallel);
    case AfterNorm::kAddSkip:
      return backward_of<Element, AfterNorm::kAddSkip>(norm, parallel);
  }
}

inline void backward(const InstanceNormBackward& norm, const Parallel& parallel) {
  norm.shape.bfloat16 ? backward_for<uint16_t>(norm, parallel) : backward_for<float>(norm, parallel);
}

}  // namespace instance_norm

}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
