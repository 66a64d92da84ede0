// Implicit GEMM: the pixels of a tile times the values under the nine taps, by those values times the filters. Channels
// come 16 at a time: a block brings the tile with its border, and the filters' part, to shared memory and multiplies
// nine times from there, so that the padding, the norm and the ReLU cost one pass over what is brought.
#pragma once

#include "cuda/instance_norm/instance_norm_moments.cuh"
#include "cuda/runtime/reflection.cuh"
#include "cuda/unmeasured/reflect_convolution.h"
#include "cuda/unmeasured/tensor_core.cuh"

namespace i2i::cuda {

constexpr int kConvolutionThreads = 256;
constexpr int kDepth = 16;        // channels that are brought together
constexpr int kDepthStride = 24;  // as they lie in shared memory: lanes that read together use different banks
constexpr int kBorderHeight = kTileHeight + 2, kBorderWidth = kTileWidth + 2;
constexpr int kBorderPixels = kBorderHeight * kBorderWidth, kTilePixels = kTileHeight * kTileWidth;
constexpr int kTaps = 9;
constexpr int kFilterStride = kTileFilters + 8;  // of the result in shared memory

// How the eight warps share a tile: each has two rows of pixels and half of the filters.
constexpr int kWarpsDown = 4, kRowsOfWarp = kTileHeight / kWarpsDown;
constexpr int kWarpFilters = kTileFilters / 2, kProducts = kWarpFilters / 8;

// What a block holds in shared memory. The result takes the place of what was multiplied.
template <class T>
struct ConvolutionMemory {
  struct Factors {
    T pixels[kBorderPixels][kDepthStride];
    T filters[kTaps][kTileFilters][kDepthStride];
  };
  union {
    Factors factors;
    T result[kTilePixels][kFilterStride];
  };
  float sums[kWarpsDown][kTileFilters];
  // Behind this, where x is normalised: mean, scale and bias of every channel.
};

// One block's place.
struct ConvolutionTile {
  int64_t sample;
  int number, row, column, height, width;  // of the tile; its first pixel; what of it lies in the plane

  __device__ __forceinline__ ConvolutionTile(const Shape& shape, int64_t sample, int number)
      : sample(sample), number(number) {
    const int across = (shape.width + kTileWidth - 1) / kTileWidth;
    row = number / across * kTileHeight;
    column = number % across * kTileWidth;
    height = shape.height - row < kTileHeight ? shape.height - row : kTileHeight;
    width = shape.width - column < kTileWidth ? shape.width - column : kTileWidth;
  }
  __device__ __forceinline__ bool has(int tile_row, int tile_column) const {
    return tile_row < height && tile_column < width;
  }
  __device__ __forceinline__ int pixels() const { return height * width; }
};

__device__ __forceinline__ int tiles_of(const Shape& shape) {
  return (shape.height + kTileHeight - 1) / kTileHeight * ((shape.width + kTileWidth - 1) / kTileWidth);
}

// The statistics of a plane from its tiles', in their order.
__device__ __forceinline__ Statistics tile_statistics(const Shape& shape, const float* tile_moments, int64_t sample,
                                                      int channel, float eps) {
  const int count = tiles_of(shape);
  const int64_t planes = shape.batch * shape.channels;
  const float* const mean = tile_moments + sample * shape.channels + channel;
  const float* const squares = mean + count * planes;
  Moments<1> all;
  for (int i = 0; i < count; ++i) {
    Moments<1> one;
    one.count = static_cast<float>(ConvolutionTile(shape, sample, i).pixels());
    one.mean[0] = read(mean + i * planes);
    one.squares[0] = read(squares + i * planes);
    all.merge(one);
  }
  return statistics_of(all.count, all.mean[0], all.squares[0], eps);
}

// The convolution's input: where it lies in memory, and how it is normalised.
template <class T, bool NORMALISED>
struct ConvolutionInput {
  const T* x;  // the sample's
  const float* normalisation;
  int channels;
  int64_t channel_stride;

  // COUNT channels from `channel` on of the pixel at `x + offset`, as they are multiplied; 0 behind the last channel
  // and, for a negative offset, outside the image.
  template <int COUNT>
  __device__ __forceinline__ void bring(int64_t offset, int channel, T* to) const {
    float values[COUNT] = {};
    if (offset >= 0 && channel < channels) {
      read_aligned(x + offset + channel * channel_stride, values);
      if (NORMALISED) {
#pragma unroll
        for (int i = 0; i < COUNT; ++i) {
          const float* const mean = normalisation + channel + i;
          const float y = Normalisation(mean[0], mean[channels], mean[2 * channels])(values[i]);
          values[i] = y < 0.0f ? 0.0f : y;  // NaN stays
        }
      }
    }
    using Word = Packed<T, COUNT>;
    Word word;
#pragma unroll
    for (int i = 0; i < COUNT; ++i) word.values[i] = from_float<T>(values[i]);
    *reinterpret_cast<Word*>(to) = word;
  }
};

// Where the pixel of the tile with its border lies in a sample; -1 for one that no pixel of the image needs.
__device__ __forceinline__ int64_t border_offset(const Shape& shape, const ConvolutionTile& tile, int pixel) {
  const int row = pixel / kBorderWidth, column = pixel - row * kBorderWidth;
  if (row >= tile.height + 2 || column >= tile.width + 2) return -1;
  const int64_t source = static_cast<int64_t>(reflect(tile.row + row - 1, shape.height)) * shape.width +
                         reflect(tile.column + column - 1, shape.width);
  return shape.channels_last ? source * shape.channels : source;
}

// WIDTH neighbouring channels are read and written together: 8, where all tensors are channels_last with starts and
// numbers of channels that allow it, else 1. Grid: samples * tiles, groups of filters.
template <class T, bool NORMALISED, int WIDTH>
__global__ void __launch_bounds__(kConvolutionThreads, 2) reflect_convolution(const ConvolutionArguments arguments) {
  using Memory = ConvolutionMemory<T>;
  I2I_DYNAMIC_SHARED(bytes);
  Memory& memory = *reinterpret_cast<Memory*>(bytes);
  float* const normalisation = reinterpret_cast<float*>(bytes + sizeof(Memory));
  const Shape& shape = arguments.shape;
  const int channels = shape.channels, thread = threadIdx.x;
  const int tile_count = tiles_of(shape);
  const ConvolutionTile tile(shape, blockIdx.x / tile_count, static_cast<int>(blockIdx.x % tile_count));
  const int first_filter = blockIdx.y * kTileFilters;

  if (NORMALISED) {
    for (int channel = thread; channel < channels; channel += kConvolutionThreads) {
      const Statistics statistics = tile_statistics(shape, arguments.tile_moments, tile.sample, channel, arguments.eps);
      normalisation[channel] = statistics.mean;
      normalisation[channels + channel] =
          statistics.rstd * parameter<float>(arguments.norm_weight, true, channel, 1.0f);
      normalisation[2 * channels + channel] = parameter<float>(arguments.norm_bias, true, channel, 0.0f);
      if (tile.number == 0 && blockIdx.y == 0) {
        write(arguments.mean + tile.sample * channels + channel, statistics.mean);
        write(arguments.rstd + tile.sample * channels + channel, statistics.rstd);
      }
    }
  }

  const int64_t plane_size = static_cast<int64_t>(shape.height) * shape.width;
  const int64_t sample_start = tile.sample * plane_size * channels;
  const ConvolutionInput<T, NORMALISED> input{static_cast<const T*>(arguments.x) + sample_start, normalisation,
                                              channels, shape.channels_last ? 1 : plane_size};
  const T* const weight = static_cast<const T*>(arguments.weight);
  const bool pixels_first = !shape.channels_last;  // which neighbours in memory neighbouring threads take

  constexpr int runs = kDepth / WIDTH;
  constexpr int rounds = (kBorderPixels * runs + kConvolutionThreads - 1) / kConvolutionThreads;
  int64_t offsets[WIDTH == 1 ? 1 : rounds];
  if (WIDTH > 1) {
#pragma unroll
    for (int i = 0; i < rounds; ++i) {
      const int pixel = (thread + i * kConvolutionThreads) / runs;
      offsets[i] = pixel < kBorderPixels ? border_offset(shape, tile, pixel) : -1;
    }
  }

  const int lane = thread % kWarp, warp = thread / kWarp;
  const int lane_row = lane / 4, lane_pair = lane % 4 * 2;
  const int warp_row = warp % kWarpsDown * kRowsOfWarp, warp_filter = warp / kWarpsDown * kWarpFilters;
  float sums[kRowsOfWarp][kProducts][4] = {};

  for (int depth = 0; depth < channels; depth += kDepth) {
    __syncthreads();  // nobody needs what lies there any more
    if (WIDTH > 1) {
#pragma unroll
      for (int i = 0; i < rounds; ++i) {
        const int item = thread + i * kConvolutionThreads, run = item % runs * WIDTH;
        if (item < kBorderPixels * runs) {
          input.template bring<WIDTH>(offsets[i], depth + run, &memory.factors.pixels[item / runs][run]);
        }
      }
    } else {
#pragma unroll 1
      for (int item = thread; item < kBorderPixels * kDepth; item += kConvolutionThreads) {
        const int pixel = pixels_first ? item % kBorderPixels : item / kDepth;
        const int channel = pixels_first ? item / kBorderPixels : item % kDepth;
        input.template bring<1>(border_offset(shape, tile, pixel), depth + channel,
                                &memory.factors.pixels[pixel][channel]);
      }
    }
    const ConvolutionInput<T, false> filters{weight, nullptr, channels, 1};
#pragma unroll 3
    for (int item = thread; item < kTaps * kTileFilters * runs; item += kConvolutionThreads) {
      const int run = item % runs * WIDTH, tap = item / runs % kTaps, filter = item / runs / kTaps;
      const bool exists = first_filter + filter < channels;
      const int64_t offset = (static_cast<int64_t>(first_filter + filter) * kTaps + tap) * channels;
      filters.template bring<WIDTH>(exists ? offset : -1, depth + run, &memory.factors.filters[tap][filter][run]);
    }
    __syncthreads();

#pragma unroll
    for (int tap = 0; tap < kTaps; ++tap) {
      uint32_t b[kProducts][2];
#pragma unroll
      for (int product = 0; product < kProducts; ++product) {
        const T* const filter = &memory.factors.filters[tap][warp_filter + product * 8 + lane_row][lane_pair];
        b[product][0] = register_of(filter);
        b[product][1] = register_of(filter + 8);
      }
#pragma unroll
      for (int row = 0; row < kRowsOfWarp; ++row) {
        const int pixel = (warp_row + row + tap / 3) * kBorderWidth + lane_row + tap % 3;
        const T* const left = &memory.factors.pixels[pixel][lane_pair];
        const T* const right = left + 8 * kDepthStride;
        const uint32_t a[4] = {register_of(left), register_of(right), register_of(left + 8), register_of(right + 8)};
#pragma unroll
        for (int product = 0; product < kProducts; ++product) multiply_add<T>(sums[row][product], a, b[product]);
      }
    }
  }

  // The values as they are stored, laid out by pixel.
  __syncthreads();
#pragma unroll
  for (int row = 0; row < kRowsOfWarp; ++row) {
#pragma unroll
    for (int product = 0; product < kProducts; ++product) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int pixel = (warp_row + row) * kTileWidth + lane_row + half * 8;
        Packed<T, 2> pair;
#pragma unroll
        for (int i = 0; i < 2; ++i) pair.values[i] = from_float<T>(sums[row][product][2 * half + i]);
        *reinterpret_cast<Packed<T, 2>*>(&memory.result[pixel][warp_filter + product * 8 + lane_pair]) = pair;
      }
    }
  }
  __syncthreads();

  T* const out = static_cast<T*>(arguments.out) + sample_start;
  constexpr int out_runs = kTileFilters / WIDTH;
#pragma unroll 4
  for (int item = thread; item < kTilePixels * out_runs; item += kConvolutionThreads) {
    const int pixel = pixels_first ? item % kTilePixels : item / out_runs;
    const int filter = (pixels_first ? item / kTilePixels : item % out_runs) * WIDTH;
    const int row = pixel / kTileWidth, column = pixel % kTileWidth;
    if (!tile.has(row, column) || first_filter + filter >= channels) continue;
    const int64_t place = static_cast<int64_t>(tile.row + row) * shape.width + tile.column + column;
    const int64_t channel = first_filter + filter;
    T* const to = out + (pixels_first ? channel * plane_size + place : place * channels + channel);
    using Word = Packed<T, WIDTH>;
    I2I_COUNT_WRITE(to, sizeof(Word));
    *reinterpret_cast<Word*>(to) = *reinterpret_cast<const Word*>(&memory.result[pixel][filter]);
  }

  // Mean, then the squared distances from it. Four threads a filter have two rows of pixels each, and add up in order.
  static_assert(kConvolutionThreads == kTileFilters * kWarpsDown, "a thread for every partial sum");
  const int filter = thread % kTileFilters, part = thread / kTileFilters;
  float mean = 0.0f, squares = 0.0f;
#pragma unroll 1
  for (int pass = 0; pass < 2; ++pass) {
    float sum = 0.0f;
    for (int pixel = part * kRowsOfWarp * kTileWidth; pixel < (part + 1) * kRowsOfWarp * kTileWidth; ++pixel) {
      if (!tile.has(pixel / kTileWidth, pixel % kTileWidth)) continue;
      const float distance = to_float(memory.result[pixel][filter]) - mean;
      sum += pass == 0 ? distance : distance * distance;
    }
    if (pass == 1) __syncthreads();  // the first pass's sums have been read
    memory.sums[part][filter] = sum;
    __syncthreads();
    float total = 0.0f;
#pragma unroll
    for (int i = 0; i < kWarpsDown; ++i) total += memory.sums[i][filter];
    if (pass == 0) {
      mean = __fdividef(total, static_cast<float>(tile.pixels()));
    } else {
      squares = total;
    }
  }
  if (part == 0 && first_filter + filter < channels) {
    const int64_t planes = shape.batch * channels;
    float* const moments =
        arguments.out_tile_moments + tile.number * planes + tile.sample * channels + first_filter + filter;
    write(moments, mean);
    write(moments + tile_count * planes, squares);
  }
}

// A thread for every plane.
__global__ void __launch_bounds__(kSplitThreads) combine_tile_moments(const TileStatisticsArguments arguments) {
  const Shape& shape = arguments.shape;
  const int64_t plane = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (plane >= shape.batch * shape.channels) return;
  const Statistics statistics = tile_statistics(shape, arguments.tile_moments, plane / shape.channels,
                                                static_cast<int>(plane % shape.channels), arguments.eps);
  write(arguments.mean + plane, statistics.mean);
  write(arguments.rstd + plane, statistics.rstd);
}

}  // namespace i2i::cuda
