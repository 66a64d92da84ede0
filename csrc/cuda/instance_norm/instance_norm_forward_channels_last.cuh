// The same as instance_norm_forward_contiguous.cuh for channels_last tensors [N, H, W, C]: a thread has WIDTH
// neighbouring channels of a pixel, 16 bytes of them, or one where the number of channels or an address does not allow
// that. A block has kLanes * WIDTH channels of one sample and, with its neighbours along the grid's y, all pixels.
#pragma once

#include "cuda/instance_norm/instance_norm_moments.cuh"
#include "cuda/runtime/arguments.h"
#include "cuda/runtime/plan.h"
#include "cuda/runtime/reflection.cuh"

namespace i2i::cuda {

// Where a thread works. A block is one-dimensional: kLanes threads along the channels times rows of pixels.
template <int WIDTH>
struct ChannelsLastThread {
  static constexpr int kLanes = lanes_of(WIDTH);
  static constexpr int kChannels = kLanes * WIDTH;  // of a block

  int64_t sample;
  int first_channel;  // of the block
  int lane, row, rows;
  int channel;        // the thread's first
  bool has_channels;  // there are channels left for this thread

  __device__ __forceinline__ explicit ChannelsLastThread(const Shape& shape) {
    const int groups = (shape.channels + kChannels - 1) / kChannels;
    sample = blockIdx.x / groups;
    first_channel = static_cast<int>(blockIdx.x % groups) * kChannels;
    lane = threadIdx.x % kLanes;
    row = threadIdx.x / kLanes;
    rows = blockDim.x / kLanes;
    channel = first_channel + lane * WIDTH;
    has_channels = channel < shape.channels;
  }

  // The channel for which this thread does what is done once for a block and a channel; -1 for none.
  __device__ __forceinline__ int own_channel(const Shape& shape) const {
    const int own = first_channel + static_cast<int>(threadIdx.x);
    return threadIdx.x < kChannels && own < shape.channels ? own : -1;
  }

  // Calls visit(pixel) for this thread's share of the pixels.
  template <class Visit>
  __device__ __forceinline__ void for_each_pixel(int pixels, const Visit& visit) const {
    if (!has_channels) return;
    for (unsigned i = blockIdx.y * rows + row; i < static_cast<unsigned>(pixels); i += gridDim.y * rows)
      visit(static_cast<int>(i));
  }
};

// Grid: samples * groups of channels x splits. Writes workspace[mean, squares][split][plane].
template <class T, int WIDTH>
__global__ void __launch_bounds__(256, 4) channels_last_statistics(const ForwardArguments arguments) {
  using Thread = ChannelsLastThread<WIDTH>;
  constexpr int together = 4;  // pixels in flight
  constexpr int warps = 256 / kWarp;
  __shared__ float counts[warps], means[warps][Thread::kChannels], squares[warps][Thread::kChannels];
  const Shape& shape = arguments.shape;
  const Thread at(shape);
  const int pixels = shape.height * shape.width;
  const T* const x = static_cast<const T*>(arguments.x) + at.sample * pixels * shape.channels + at.channel;
  Moments<WIDTH> moments;
  if (at.has_channels) {
    const int stride = gridDim.y * at.rows;
    const int64_t row_stride = static_cast<int64_t>(stride) * shape.channels;
    int pixel = blockIdx.y * at.rows + at.row;
    for (; pixel < pixels - (together - 1) * stride; pixel += together * stride) {
      float values[together][WIDTH];
#pragma unroll
      for (int i = 0; i < together; ++i)
        read_aligned(x + static_cast<int64_t>(pixel) * shape.channels + i * row_stride, values[i]);
      moments.add(values);
    }
    for (; pixel < pixels; pixel += stride) {
      float values[1][WIDTH];
      read_aligned(x + static_cast<int64_t>(pixel) * shape.channels, values[0]);
      moments.add(values);
    }
  }
  moments.merge_lanes(Thread::kLanes);
  const int warp = threadIdx.x / kWarp;
  if (threadIdx.x % kWarp < Thread::kLanes) {
#pragma unroll
    for (int c = 0; c < WIDTH; ++c) {
      means[warp][at.lane * WIDTH + c] = moments.mean[c];
      squares[warp][at.lane * WIDTH + c] = moments.squares[c];
    }
    if (at.lane == 0) counts[warp] = moments.count;
  }
  __syncthreads();
  const int channel = at.own_channel(shape);
  if (channel < 0) return;
  Moments<1> all;
  for (int i = 0; i < static_cast<int>(blockDim.x) / kWarp; ++i) {
    Moments<1> one;
    one.count = counts[i];
    one.mean[0] = means[i][threadIdx.x];
    one.squares[0] = squares[i][threadIdx.x];
    all.merge(one);
  }
  const int64_t planes = shape.batch * shape.channels;
  const int64_t plane = at.sample * shape.channels + channel;
  write(arguments.workspace + (0LL * gridDim.y + blockIdx.y) * planes + plane, all.mean[0]);
  write(arguments.workspace + (1LL * gridDim.y + blockIdx.y) * planes + plane, all.squares[0]);
}

// How many pixels a block saw that had every `splits`-th run of `rows` pixels.
__device__ __forceinline__ float pixels_of_split(int pixels, int rows, int splits, int split) {
  const int all = pixels / (rows * splits), rest = pixels - all * rows * splits - split * rows;
  return static_cast<float>(all * rows + (rest < 0 ? 0 : rest < rows ? rest : rows));
}

// Given, or merged from the partial results of `splits` blocks.
__device__ __forceinline__ Statistics channels_last_plane_statistics(const ForwardArguments& arguments, int64_t plane,
                                                                     int rows, int splits) {
  if (arguments.statistics_given) return {read(arguments.mean + plane), read(arguments.rstd + plane)};
  const int64_t planes = arguments.shape.batch * arguments.shape.channels;
  Moments<1> all;
  for (int split = 0; split < splits; ++split) {
    Moments<1> one;
    one.count = pixels_of_split(arguments.shape.height * arguments.shape.width, rows, splits, split);
    one.mean[0] = read(arguments.workspace + (0LL * splits + split) * planes + plane);
    one.squares[0] = read(arguments.workspace + (1LL * splits + split) * planes + plane);
    all.merge(one);
  }
  const Statistics statistics = statistics_of(all.count, all.mean[0], all.squares[0], arguments.eps);
  if (blockIdx.y == 0) {
    write(arguments.mean + plane, statistics.mean);
    write(arguments.rstd + plane, statistics.rstd);
  }
  return statistics;
}

// Grid: as channels_last_statistics, which had `splits` blocks for a group, but any number of them.
template <class T, int WIDTH, class Epilogue>
__global__ void __launch_bounds__(256, 4)
    channels_last_apply(const ForwardArguments arguments, const Epilogue epilogue, int splits) {
  using Thread = ChannelsLastThread<WIDTH>;
  __shared__ float means[Thread::kChannels], scales[Thread::kChannels], biases[Thread::kChannels];
  const Shape& shape = arguments.shape;
  const Thread at(shape);
  const int channel = at.own_channel(shape);
  if (channel >= 0) {
    const Normalisation normalise(
        channels_last_plane_statistics(arguments, at.sample * shape.channels + channel, at.rows, splits),
        parameter<T>(arguments.weight, arguments.float_parameters, channel, 1.0f),
        parameter<T>(arguments.bias, arguments.float_parameters, channel, 0.0f));
    means[threadIdx.x] = normalise.mean;
    scales[threadIdx.x] = normalise.scale;
    biases[threadIdx.x] = normalise.bias;
  }
  __syncthreads();
  if (!at.has_channels) return;
  Normalisation normalise[WIDTH];
#pragma unroll
  for (int c = 0; c < WIDTH; ++c) {
    const int i = at.lane * WIDTH + c;
    normalise[c] = Normalisation{means[i], scales[i], biases[i]};
  }
  const Plane plane{shape.height, shape.width, shape.padding};
  const int64_t offset = at.sample * plane.size() * shape.channels + at.channel;
  const T* const x = static_cast<const T*>(arguments.x) + offset;
  const T* const skip = arguments.skip == nullptr ? nullptr : static_cast<const T*>(arguments.skip) + offset;
  T* const out = static_cast<T*>(arguments.out) + at.sample * plane.padded_size() * shape.channels + at.channel;
  at.for_each_pixel(plane.padded_size(), [&](int pixel) {
    const int row = pixel / plane.padded_width();
    const int64_t source =
        static_cast<int64_t>(source_of(plane, row, pixel - row * plane.padded_width())) * shape.channels;
    float results[WIDTH], skips[WIDTH] = {};
    read_aligned(x + source, results);
    if (Epilogue::kAddsSkip) read_aligned(skip + source, skips);
#pragma unroll
    for (int c = 0; c < WIDTH; ++c) results[c] = epilogue.forward(normalise[c](results[c]), skips[c]);
    write_aligned(out + static_cast<int64_t>(pixel) * shape.channels, results);
  });
}

}  // namespace i2i::cuda
