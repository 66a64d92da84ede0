// How an instance norm sees its tensors, the same for both memory formats: `images` that have statistics of their own,
// in each of them rows of pixels, in each pixel `channels` values side by side. In the order N, H, W, C these are the
// images; in the order N, C, H, W every plane is an image of one channel.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "cpu/instance_norm/instance_norm.h"
#include "cpu/runtime/elements.inl.h"

namespace i2i::cpu {
namespace I2I_VARIANT {
namespace instance_norm {

constexpr int64_t kSegment = 4096;         // values that are worked on while they lie in the first-level cache
constexpr int64_t kChunk = 1 << 16;        // values that are summed up together, at least
constexpr int64_t kMaxChunks = 256;        // of an image: bounds the memory for partial sums
constexpr int64_t kCachedBytes = 1 << 19;  // of an image that stays in the second-level cache between two passes
constexpr int64_t kEnoughImages = 16;      // to keep the threads busy with one image each

struct Grid {
  int64_t images, channels, rows, columns, pad;
  // Vectors run over a row without regard to pixels. Their first lane is the same channel every `period` values: a
  // pixel, or several where a pixel does not fill a vector.
  int64_t period;
  // An image is summed up in chunks of whole rows. They depend on its size alone, so that the same values are added in
  // the same order whatever the number of threads.
  int64_t chunk_rows, chunks;

  explicit Grid(const NormShape& shape)
      : images(shape.channels_last ? shape.batch : shape.batch * shape.channels),
        channels(shape.channels_last ? shape.channels : 1),
        rows(shape.height),
        columns(shape.width),
        pad(shape.pad),
        period(channels >= kVectorFloats ? channels : std::lcm(std::max<int64_t>(channels, 1), 2 * kVectorFloats)) {
    if (pad == 0 && values() > 0) join_rows();
    chunk_rows = std::max<int64_t>(1, kChunk / std::max<int64_t>(1, row_values()));
    chunk_rows = std::max(chunk_rows, (rows + kMaxChunks - 1) / kMaxChunks);
    chunks = (rows + chunk_rows - 1) / chunk_rows;
  }

  int64_t row_values() const { return columns * channels; }
  int64_t image_values() const { return rows * row_values(); }
  int64_t values() const { return images * image_values(); }
  int64_t pixels() const { return rows * columns; }
  int64_t padded_row_values() const { return (columns + 2 * pad) * channels; }
  int64_t padded_image_values() const { return (rows + 2 * pad) * padded_row_values(); }
  int64_t table_floats() const { return period + kVectorFloats; }
  int64_t segment_columns() const {
    const int64_t pixels_a_period = period / channels;
    return std::max<int64_t>(1, kSegment / period) * pixels_a_period;
  }

 private:
  // Without padding rows need not be the image's own: longer ones have fewer ends that fill no vector.
  void join_rows() {
    for (int64_t joined = std::min(rows, kSegment / row_values()); joined > 1; joined--) {
      if (rows % joined != 0) continue;
      rows /= joined;
      columns *= joined;
      return;
    }
  }
};

// The rows of the padded image that show this row (or columns, likewise), ascending distance from it; returns how many.
inline int places_of(int64_t index, int64_t size, int64_t pad, int64_t places[3]) {
  int count = 0;
  places[count++] = pad + index;
  if (index >= 1 && index <= pad) places[count++] = pad - index;
  if (index >= size - 1 - pad && index <= size - 2) places[count++] = pad + 2 * (size - 1) - index;
  return count;
}

// Calls work(vectors, first, skipped) for blocks that cover the values [0, period): `vectors` (1 or 2, a constant of
// the type) vectors from `first` on, of which the first `skipped` lanes belong to the block before.
template <class Work>
I2I_INLINE void for_each_block(int64_t period, const Work& work) {
  int64_t first = 0;
  for (; first + 2 * kVectorFloats <= period; first += 2 * kVectorFloats) {
    work(std::integral_constant<int, 2>(), first, int64_t{0});
  }
  for (; first + kVectorFloats <= period; first += kVectorFloats) {
    work(std::integral_constant<int, 1>(), first, int64_t{0});
  }
  if (first < period) work(std::integral_constant<int, 1>(), period - kVectorFloats, first - (period - kVectorFloats));
}

// Calls work(place, first, count) for the vectors of a row: `count` values (fewer than a vector at the end) from
// `first` on, whose coefficients are at `place` of a table.
template <class Work>
I2I_INLINE void for_each_vector(int64_t values, int64_t period, const Work& work) {
  int64_t place = 0, first = 0;
  for (; first + kVectorFloats <= values; first += kVectorFloats) {
    work(place, first, std::integral_constant<int64_t, kVectorFloats>());
    place += kVectorFloats;
    if (place >= period) place -= period;
  }
  if (first < values) work(place, first, values - first);
}

// Fills a table of coefficients, so that a vector finds its own wherever in a period it begins.
template <class Value, class ValueOf>
void fill_table(const Grid& grid, int64_t size, Value* table, const ValueOf& value_of) {
  if (grid.channels == 1) return std::fill(table, table + size, value_of(0));
  for (int64_t c = 0; c < std::min(grid.channels, size); c++) table[c] = value_of(c);
  for (int64_t c = grid.channels; c < size; c++) table[c] = table[c - grid.channels];
}

// Runs `work(first image, last image, parallel)`: image by image, each on one thread, where an image stays in its cache
// between the passes and there are enough of them; else all images pass by pass, spread over the threads within a pass.
// The results have the same bits.
template <class Work>
void run_images(const Grid& grid, int64_t element_bytes, const Parallel& parallel, const Work& work) {
  const bool cached = grid.image_values() * element_bytes <= kCachedBytes;
  if (!cached || (grid.images < kEnoughImages && parallel.threads > 1)) return work(0, grid.images, parallel);
  parallel(grid.images, [&](int64_t begin, int64_t end) {
    const Parallel serial{[](int64_t count, Parallel::Task task, void* context) { task(0, count, context); }};
    for (int64_t image = begin; image < end; image++) work(image, image + 1, serial);
  });
}

}  // namespace instance_norm
}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
