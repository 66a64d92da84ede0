// A 3x3 convolution over a reflection-padded image as a Winograd pipeline. No transformed image is ever whole: a chunk
// of kChunk tiles is transformed into the core's cache, multiplied by kBlock columns of filters at a time, and each
// product is transformed back at once. What comes before the convolution is applied as the input is read, and the
// statistics of the output are gathered as it is written.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cpu/residual_block/pixels.inl.h"
#include "cpu/residual_block/winograd_product.inl.h"

namespace i2i::cpu {
namespace I2I_VARIANT {

// The tiles that cover an image, row by row, cut into chunks of nearly equal size. Depends on the shape alone, so that
// sums over chunks are the same for any number of threads.
template <class W>
struct TileGrid {
  int64_t rows, columns, tiles, chunks;

  TileGrid(int64_t height, int64_t width)
      : rows((height + W::kTile - 1) / W::kTile),
        columns((width + W::kTile - 1) / W::kTile),
        tiles(rows * columns),
        chunks((tiles + kChunk - 1) / kChunk) {}

  int64_t begin(int64_t chunk) const { return tiles * chunk / chunks; }
};

inline int64_t slabs(int64_t channels) { return (channels + kSlab - 1) / kSlab; }

// From one point of a transformed chunk to the next. The 16 floats more keep the points out of each other's cache sets.
inline int64_t point_stride(int64_t padded) { return slabs(padded) * kSlabFloats + 16; }
constexpr int64_t kResultStride = kChunk * kBlock + 16;

// Index of the pixel that reflection shows at `index`. Tiles at the far edge reach further than the padding: what they
// read there does not matter, as long as it is a pixel of the image.
inline int64_t reflect(int64_t index, int64_t size) {
  if (index < 0) return -index;
  return index < size ? index : std::max<int64_t>(2 * size - 2 - index, 0);
}

// Input as it is, moved so that the first pixel is zero. A constant added to a channel is cancelled by the norm behind
// the convolution, and without it the transforms keep their digits when the mean is far from zero.
struct SubtractFirstPixel {
  const float* first;

  struct At {
    Vector first;
    I2I_INLINE Vector operator()(Vector value) const { return value - first; }
  };
  I2I_INLINE At at(int64_t channel) const { return {load(first + channel)}; }
};

// Instance norm and ReLU of the input; each array is [P].
struct NormaliseRelu {
  const float *mean, *scale, *shift;

  struct At {
    Vector mean, scale, shift;
    I2I_INLINE Vector operator()(Vector value) const { return relu((value - mean) * scale + shift); }
  };
  I2I_INLINE At at(int64_t channel) const {
    return {load(mean + channel), load(scale + channel), load(shift + channel)};
  }
};

// B^T d B of one tile of all channels; image is pixels [H, W, P], `to` the tile's place in a chunk.
template <class W, class Prologue>
__attribute__((noinline)) void transform_input(const float* image, int64_t height, int64_t width, int64_t padded,
                                               int64_t tile_row, int64_t tile_column, const Prologue& prologue,
                                               float* to, int64_t stride) {
  int64_t rows[W::kSide], columns[W::kSide];
  for (int i = 0; i < W::kSide; i++) {
    rows[i] = reflect(tile_row * W::kTile - 1 + i, height) * width * padded;
    columns[i] = reflect(tile_column * W::kTile - 1 + i, width) * padded;
  }
  for (int64_t channel = 0; channel < padded; channel += kVectorFloats) {
    const auto apply = prologue.at(channel);
    Vector half[W::kSide][W::kSide];
#pragma GCC unroll 8
    for (int j = 0; j < W::kSide; j++) {
      Vector d[W::kSide], v[W::kSide];
#pragma GCC unroll 8
      for (int i = 0; i < W::kSide; i++) d[i] = apply(load(image + rows[i] + columns[j] + channel));
      W::input(d, v);
#pragma GCC unroll 8
      for (int i = 0; i < W::kSide; i++) half[i][j] = v[i];
    }
    float* slot = to + channel / kSlab * kSlabFloats + channel % kSlab;
#pragma GCC unroll 8
    for (int i = 0; i < W::kSide; i++) {
      Vector v[W::kSide];
      W::input(half[i], v);
#pragma GCC unroll 8
      for (int j = 0; j < W::kSide; j++) store(slot + (i * W::kSide + j) * stride, v[j]);
    }
  }
}

// Sums of one chunk's outputs about a value of its own, a pivot, which keeps the digits of the variance. Each is [P].
struct ChunkSums {
  float *pivot, *sum, *squares;

  ChunkSums(float* all, int64_t chunk, int64_t padded)
      : pivot(all + chunk * 3 * padded), sum(pivot + padded), squares(sum + padded) {}
};

// A^T m A of one tile of `columns` channels from `block` on, written to the image and added to the chunk's sums.
template <class W>
__attribute__((noinline)) void transform_output(const float* products, int64_t block, int64_t columns, float* image,
                                                int64_t height, int64_t width, int64_t padded, int64_t tile_row,
                                                int64_t tile_column, bool first_of_chunk, const ChunkSums& sums) {
  const int64_t row_count = std::min<int64_t>(W::kTile, height - tile_row * W::kTile);
  const int64_t column_count = std::min<int64_t>(W::kTile, width - tile_column * W::kTile);
  float* corner = image + (tile_row * W::kTile * width + tile_column * W::kTile) * padded + block;
  for (int64_t channel = 0; channel < columns; channel += kVectorFloats) {
    Vector half[W::kTile][W::kSide];
#pragma GCC unroll 8
    for (int j = 0; j < W::kSide; j++) {
      Vector m[W::kSide], y[W::kTile];
#pragma GCC unroll 8
      for (int i = 0; i < W::kSide; i++) m[i] = load(products + (i * W::kSide + j) * kResultStride + channel);
      W::output(m, y);
#pragma GCC unroll 8
      for (int i = 0; i < W::kTile; i++) half[i][j] = y[i];
    }
    float *pivots = sums.pivot + block + channel, *sum = sums.sum + block + channel,
          *squares = sums.squares + block + channel;
    Vector pivot{}, total{}, total_squares{};
    if (!first_of_chunk) {
      pivot = load(pivots);
      total = load(sum);
      total_squares = load(squares);
    }
#pragma GCC unroll 8
    for (int i = 0; i < W::kTile; i++) {
      if (i >= row_count) break;
      Vector y[W::kTile];
      W::output(half[i], y);
      if (first_of_chunk && i == 0) pivot = y[0];
      float* to = corner + i * width * padded + channel;
#pragma GCC unroll 8
      for (int j = 0; j < W::kTile; j++) {
        if (j >= column_count) break;
        const Vector deviation = y[j] - pivot;
        total += deviation;
        total_squares += deviation * deviation;
        store(to + j * padded, y[j]);
      }
    }
    if (first_of_chunk) store(pivots, pivot);
    store(sum, total);
    store(squares, total_squares);
  }
}

// y = conv(pad(prologue(x))) for all images; x and y are pixels. prologue_of(sample) is what to apply to an image.
// sums takes [N, chunks] ChunkSums.
template <class W, class PrologueOf>
void convolve(const BlockShape& shape, const float* x, const PrologueOf& prologue_of, const float* filters, float* y,
              float* sums, const Parallel& parallel) {
  const TileGrid<W> grid(shape.height, shape.width);
  const int64_t padded = shape.padded(), stride = point_stride(padded), image = shape.pixels() * padded;
  parallel(shape.batch * grid.chunks, [&](int64_t begin, int64_t end) {
    const Scratch transformed(W::kPoints * stride), products(W::kPoints * kResultStride);
    for (int64_t item = begin; item < end; item++) {
      const int64_t sample = item / grid.chunks, chunk = item % grid.chunks;
      const int64_t first = grid.begin(chunk), tiles = grid.begin(chunk + 1) - first;
      const auto prologue = prologue_of(sample);
      for (int64_t tile = 0; tile < tiles; tile++) {
        transform_input<W>(x + sample * image, shape.height, shape.width, padded, (first + tile) / grid.columns,
                           (first + tile) % grid.columns, prologue, transformed + tile * kSlab, stride);
      }
      for (int64_t block = 0; block < padded; block += kBlock) {
        const int64_t columns = std::min(kBlock, padded - block);
        for (int point = 0; point < W::kPoints; point++) {
          multiply(transformed + point * stride, tiles, filters + filter_offset<W>(shape.channels, block, point),
                   shape.channels, columns, products + point * kResultStride, kBlock);
        }
        for (int64_t tile = 0; tile < tiles; tile++) {
          transform_output<W>(products + tile * kBlock, block, columns, y + sample * image, shape.height, shape.width,
                              padded, (first + tile) / grid.columns, (first + tile) % grid.columns, tile == 0,
                              ChunkSums(sums, item, padded));
        }
      }
    }
  });
}

// Mean and reciprocal deviation of every plane from the sums of its chunks (Chan, Golub and LeVeque, "Algorithms for
// Computing the Sample Variance", 1983), in float64 and in the order of the chunks. mean and rstd are [N, P].
template <class W>
void finish_statistics(const BlockShape& shape, float* sums, float eps, float* mean, float* rstd,
                       const Parallel& parallel) {
  const TileGrid<W> grid(shape.height, shape.width);
  const int64_t padded = shape.padded();
  const auto pixels_of = [&](int64_t chunk) {
    int64_t pixels = 0;
    for (int64_t tile = grid.begin(chunk); tile < grid.begin(chunk + 1); tile++) {
      pixels += std::min<int64_t>(W::kTile, shape.height - tile / grid.columns * W::kTile) *
                std::min<int64_t>(W::kTile, shape.width - tile % grid.columns * W::kTile);
    }
    return static_cast<double>(pixels);
  };
  parallel(shape.planes() / kChannelMultiple, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; item++) {
      const int64_t sample = item * kChannelMultiple / padded, channel = item * kChannelMultiple % padded;
      double total[kChannelMultiple] = {}, squares[kChannelMultiple] = {};
      for (int64_t chunk = 0; chunk < grid.chunks; chunk++) {
        const ChunkSums of(sums, sample * grid.chunks + chunk, padded);
        const double pixels = pixels_of(chunk);
        for (int c = 0; c < kChannelMultiple; c++) total[c] += of.sum[channel + c] + of.pivot[channel + c] * pixels;
      }
      for (double& value : total) value /= static_cast<double>(shape.pixels());
      for (int64_t chunk = 0; chunk < grid.chunks; chunk++) {
        const ChunkSums of(sums, sample * grid.chunks + chunk, padded);
        const double pixels = pixels_of(chunk);
        for (int c = 0; c < kChannelMultiple; c++) {  // about the mean, from sums about the pivot
          const double moved = total[c] - of.pivot[channel + c];
          squares[c] += of.squares[channel + c] - 2 * moved * of.sum[channel + c] + moved * moved * pixels;
        }
      }
      for (int c = 0; c < kChannelMultiple; c++) {
        const double variance = squares[c] / static_cast<double>(shape.pixels());
        mean[item * kChannelMultiple + c] = static_cast<float>(total[c]);
        rstd[item * kChannelMultiple + c] =
            static_cast<float>(1 / std::sqrt((variance < 0 ? 0 : variance) + static_cast<double>(eps)));
      }
    }
  });
}

}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
