// The gradients of a convolution of winograd_convolution.inl.h, with the same tiles: the transformed gradient dM = A dY
// A^T is made once, and gives both the gradient of the input, B (U * dM) B^T added up over overlapping tiles, and that
// of the filters, G^T (sum over tiles of V * dM) G.
#pragma once

#include <vector>

#include "cpu/residual_block/winograd_convolution.inl.h"

namespace i2i::cpu {
namespace I2I_VARIANT {

using Gradient = Winograd<4>;

// The gradient of an instance norm's input from that of its output, dy = a g + b (y - mean) + c; arrays are [P].
struct NormGradient {
  const float *a, *b, *c, *mean;
};

// A dY A^T of one tile of all channels; pixels beyond the image have no gradient.
inline __attribute__((noinline)) void transform_output_gradient(const float* gradient, const float* y, int64_t height,
                                                                int64_t width, int64_t padded, int64_t tile_row,
                                                                int64_t tile_column, const NormGradient& norm,
                                                                float* to, int64_t stride) {
  constexpr int kTile = Gradient::kTile, kSide = Gradient::kSide;
  const int64_t row_count = std::min<int64_t>(kTile, height - tile_row * kTile);
  const int64_t column_count = std::min<int64_t>(kTile, width - tile_column * kTile);
  const int64_t corner = (tile_row * kTile * width + tile_column * kTile) * padded;
  for (int64_t channel = 0; channel < padded; channel += kVectorFloats) {
    const Vector a = load(norm.a + channel), b = load(norm.b + channel), c = load(norm.c + channel),
                 mean = load(norm.mean + channel);
    Vector half[kSide][kTile];
#pragma GCC unroll 4
    for (int j = 0; j < kTile; j++) {
      Vector dy[kTile], m[kSide];
#pragma GCC unroll 4
      for (int i = 0; i < kTile; i++) {
        const int64_t at = corner + (i * width + j) * padded + channel;
        dy[i] =
            i < row_count && j < column_count ? a * load(gradient + at) + (b * (load(y + at) - mean) + c) : Vector{};
      }
      Gradient::output_transposed(dy, m);
#pragma GCC unroll 6
      for (int i = 0; i < kSide; i++) half[i][j] = m[i];
    }
    float* slot = to + channel / kSlab * kSlabFloats + channel % kSlab;
#pragma GCC unroll 6
    for (int i = 0; i < kSide; i++) {
      Vector m[kSide];
      Gradient::output_transposed(half[i], m);
#pragma GCC unroll 6
      for (int j = 0; j < kSide; j++) store(slot + (i * kSide + j) * stride, m[j]);
    }
  }
}

// B dV B^T of one tile of `columns` channels, added to the 6x6 pixels at `corner` of the padded image's gradient.
inline __attribute__((noinline)) void add_input_gradient(const float* products, int64_t columns, float* corner,
                                                         int64_t row_stride, int64_t padded) {
  constexpr int kSide = Gradient::kSide;
  for (int64_t channel = 0; channel < columns; channel += kVectorFloats) {
    Vector half[kSide][kSide];
#pragma GCC unroll 6
    for (int j = 0; j < kSide; j++) {
      Vector v[kSide], d[kSide];
#pragma GCC unroll 6
      for (int i = 0; i < kSide; i++) v[i] = load(products + (i * kSide + j) * kResultStride + channel);
      Gradient::input_transposed(v, d);
#pragma GCC unroll 6
      for (int i = 0; i < kSide; i++) half[i][j] = d[i];
    }
#pragma GCC unroll 6
    for (int i = 0; i < kSide; i++) {
      Vector d[kSide];
      Gradient::input_transposed(half[i], d);
      float* to = corner + i * row_stride + channel;
#pragma GCC unroll 6
      for (int j = 0; j < kSide; j++) store(to + j * padded, load(to + j * padded) + d[j]);
    }
  }
}

// The gradient of the reflection-padded input, [N, H', W', P] with H' and W' rounded up to whole tiles.
class PaddedGradient {
 public:
  explicit PaddedGradient(const BlockShape& shape)
      : shape_(shape),
        grid_(shape.height, shape.width),
        row_stride_((grid_.columns * Gradient::kTile + 2) * shape.padded()),
        image_stride_((grid_.rows * Gradient::kTile + 2) * row_stride_),
        data_(shape.batch * image_stride_) {}

  // Begins a new gradient. Rows are cleared when they are first added to, which is when they are wanted in the cache.
  void begin() { touched_.assign(shape_.batch * image_stride_ / row_stride_, 0); }

  // Prepares the rows of some tile rows to be added to. No other thread may be at work on any of them.
  void touch(int64_t sample, int64_t tile_row, int64_t tile_rows) {
    const int64_t first = sample * image_stride_ / row_stride_ + tile_row * Gradient::kTile;
    for (int64_t row = first; row < first + tile_rows * Gradient::kTile + 2; row++) {
      if (!touched_[row]) std::memset(data_ + row * row_stride_, 0, row_stride_ * sizeof(float));
      touched_[row] = 1;
    }
  }

  float* corner(int64_t sample, int64_t tile_row, int64_t tile_column) const {
    return data_ + sample * image_stride_ + tile_row * Gradient::kTile * row_stride_ +
           tile_column * Gradient::kTile * shape_.padded();
  }
  int64_t row_stride() const { return row_stride_; }

  // Calls use(column, channel, gradient) for a row of the image, with the padding's gradients brought to the pixels
  // that it reflects.
  template <class Use>
  void fold_row(int64_t sample, int64_t row, const Use& use) const {
    const int64_t width = shape_.width, height = shape_.height, padded = shape_.padded();
    const float* image = data_ + sample * image_stride_;
    const float* rows[3] = {image + (row + 1) * row_stride_};
    int count = 1;
    if (row == 1) rows[count++] = image;
    if (row == height - 2) rows[count++] = image + (height + 1) * row_stride_;
    for (int64_t column = 0; column < width; column++) {
      for (int64_t channel = 0; channel < padded; channel += kVectorFloats) {
        Vector total{};
        for (int i = 0; i < count; i++) {
          const float* from = rows[i] + channel;
          total += load(from + (column + 1) * padded);
          if (column == 1) total += load(from);
          if (column == width - 2) total += load(from + (width + 1) * padded);
        }
        use(column, channel, total);
      }
    }
  }

 private:
  const BlockShape& shape_;
  TileGrid<Gradient> grid_;
  int64_t row_stride_, image_stride_;
  Scratch data_;
  std::vector<char> touched_;  // whether a row has been cleared
};

// G^T dU G for all filters; sums are [point][C][filter_sums_stride], dweight is [K, C, 3, 3].
inline int64_t filter_sums_stride(int64_t padded) { return padded + 16; }

inline void finish_filter_gradient(const float* sums, int64_t channels, float* dweight, const Parallel& parallel) {
  constexpr int kSide = Gradient::kSide;
  constexpr int64_t kStep = 16;
  const int64_t padded = padded_channels(channels), stride = filter_sums_stride(padded);
  const int64_t steps = padded / kStep;
  parallel(padded / kVectorFloats * steps, [&](int64_t begin, int64_t end) {
    alignas(64) float taps[kVectorFloats][kStep * 9];
    for (int64_t item = begin; item < end; item++) {
      const int64_t out = item / steps * kVectorFloats, first = item % steps * kStep;
      const int64_t last = std::min(first + kStep, channels);
      for (int64_t in = first; in < last; in++) {
        Vector half[3][kSide];
#pragma GCC unroll 6
        for (int j = 0; j < kSide; j++) {
          Vector u[kSide], g[3];
#pragma GCC unroll 6
          for (int i = 0; i < kSide; i++) u[i] = load(sums + ((i * kSide + j) * padded + in) * stride + out);
          Gradient::filter_transposed(u, g);
          for (int i = 0; i < 3; i++) half[i][j] = g[i];
        }
        for (int i = 0; i < 3; i++) {
          Vector g[3];
          Gradient::filter_transposed(half[i], g);
          for (int j = 0; j < 3; j++) {
            for (int lane = 0; lane < kVectorFloats; lane++) taps[lane][(in - first) * 9 + i * 3 + j] = g[j][lane];
          }
        }
      }
      for (int64_t lane = 0; lane < kVectorFloats && out + lane < channels; lane++) {
        if (first < last) {
          std::memcpy(dweight + ((out + lane) * channels + first) * 9, taps[lane], (last - first) * 9 * sizeof(float));
        }
      }
    }
  });
}

// Whole tile rows that one thread works on. They overlap with the next unit by two pixel rows, so units of even and of
// odd number are taken in turns, and no two threads add to one pixel. Units and bands depend on the shape alone, and
// with them the order in which a pixel's parts are added up.
struct UnitGrid {
  TileGrid<Gradient> grid;
  int64_t rows, units, chunks;  // tile rows of a unit, units of an image, chunks of a full unit

  UnitGrid(int64_t height, int64_t width)
      : grid(height, width),
        rows(std::min(std::max<int64_t>(kChunk / grid.columns, 1), grid.rows)),
        units((grid.rows + rows - 1) / rows),
        chunks((rows * grid.columns + kChunk - 1) / kChunk) {}

  int64_t tiles(int64_t unit) const { return std::min(rows, grid.rows - unit * rows) * grid.columns; }
  int64_t begin(int64_t unit, int64_t chunk) const { return tiles(unit) * chunk / chunks; }
};

// Adds the gradient of the padded input to padded_input, and writes that of the filters to dweight unless it is null.
// y and input are what the convolution gave and, before its prologue, read; filters are packed backward. A band of
// units is worked on at a time, which bounds the transformed tiles that wait for the filters' gradient.
template <class PrologueOf, class NormOf>
void convolve_backward(const BlockShape& shape, const float* gradient, const float* y, const NormOf& norm_of,
                       const float* input, const PrologueOf& prologue_of, const float* filters,
                       PaddedGradient& padded_input, float* dweight, const Parallel& parallel) {
  constexpr int kPoints = Gradient::kPoints;
  constexpr int64_t kBandFloats = 6 << 20;  // 24 MiB
  const UnitGrid grid(shape.height, shape.width);
  const int64_t padded = shape.padded(), image = shape.pixels() * padded;
  const int64_t stride = point_stride(padded), chunk_stride = kPoints * stride;
  const int64_t all_units = shape.batch * grid.units;
  padded_input.begin();
  const int64_t fitting = kBandFloats / (2 * chunk_stride * grid.chunks);
  const int64_t wanted = std::min(std::max<int64_t>(fitting, 16), all_units);
  const int64_t bands = (all_units + wanted - 1) / wanted, longest = (all_units + bands - 1) / bands;

  const Scratch inputs(dweight ? longest * grid.chunks * chunk_stride : 0);
  const Scratch gradients(longest * grid.chunks * chunk_stride);
  const int64_t sums_stride = filter_sums_stride(padded), sums_floats = kPoints * padded * sums_stride;
  const Scratch filter_sums(dweight ? sums_floats : 0);
  std::vector<int64_t> tiles_of(longest * grid.chunks), turn;
  turn.reserve(longest);

  for (int64_t band = 0; band < bands; band++) {
    const int64_t first = all_units * band / bands, last = all_units * (band + 1) / bands;
    for (int64_t parity = 0; parity < 2; parity++) {
      turn.clear();
      for (int64_t unit = first; unit < last; unit++) {
        if (unit % grid.units % 2 == parity) turn.push_back(unit);
      }
      parallel(static_cast<int64_t>(turn.size()), [&](int64_t begin, int64_t end) {
        const Scratch products(kPoints * kResultStride);
        for (int64_t item = begin; item < end; item++) {
          const int64_t sample = turn[item] / grid.units, unit = turn[item] % grid.units;
          const NormGradient norm = norm_of(sample);
          const auto prologue = prologue_of(sample);
          padded_input.touch(sample, unit * grid.rows, grid.tiles(unit) / grid.grid.columns);
          for (int64_t chunk = 0; chunk < grid.chunks; chunk++) {
            const int64_t slot = (turn[item] - first) * grid.chunks + chunk;
            const int64_t start = unit * grid.rows * grid.grid.columns + grid.begin(unit, chunk);
            const int64_t tiles = tiles_of[slot] = grid.begin(unit, chunk + 1) - grid.begin(unit, chunk);
            float* transformed = gradients + slot * chunk_stride;
            for (int64_t tile = 0; tile < tiles; tile++) {
              const int64_t row = (start + tile) / grid.grid.columns, column = (start + tile) % grid.grid.columns;
              if (dweight) {
                transform_input<Gradient>(input + sample * image, shape.height, shape.width, padded, row, column,
                                          prologue, inputs + slot * chunk_stride + tile * kSlab, stride);
              }
              transform_output_gradient(gradient + sample * image, y + sample * image, shape.height, shape.width,
                                        padded, row, column, norm, transformed + tile * kSlab, stride);
            }
            for (int64_t block = 0; block < padded; block += kBlock) {
              const int64_t columns = std::min(kBlock, padded - block);
              for (int point = 0; point < kPoints; point++) {
                multiply(transformed + point * stride, tiles,
                         filters + filter_offset<Gradient>(shape.channels, block, point), shape.channels, columns,
                         products + point * kResultStride, kBlock);
              }
              for (int64_t tile = 0; tile < tiles; tile++) {
                add_input_gradient(products + tile * kBlock, columns,
                                   padded_input.corner(sample, (start + tile) / grid.grid.columns,
                                                       (start + tile) % grid.grid.columns) +
                                       block,
                                   padded_input.row_stride(), padded);
              }
            }
          }
        }
      });
    }
    if (!dweight) continue;
    const int64_t panels = (padded + kPanel - 1) / kPanel;
    parallel(kPoints * panels, [&](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; item++) {
        const int64_t point = item / panels, column = item % panels * kPanel;
        const float* right = gradients + point * stride + column / kSlab * kSlabFloats + column % kSlab;
        for (int64_t row = 0; row < padded; row += kGradientRows) {
          const float* left = inputs + point * stride + row / kSlab * kSlabFloats + row % kSlab;
          float* to = filter_sums + (point * padded + row) * sums_stride + column;
          if (band == 0) {
            for (int i = 0; i < kGradientRows; i++) {
              std::memset(to + i * sums_stride, 0, std::min(kPanel, padded - column) * sizeof(float));
            }
          }
          const auto add = padded - column < kPanel ? add_outer_products<1> : add_outer_products<kPanelVectors>;
          add(left, right, chunk_stride, tiles_of.data(), (last - first) * grid.chunks, to, sums_stride);
        }
      }
    });
  }
  if (dweight) finish_filter_gradient(filter_sums, shape.channels, dweight, parallel);
}

}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
