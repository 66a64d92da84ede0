// The passes of a residual block that normalise nothing: reflection padding of its input, and its gradient, which is
// added to the gradient of the skip connection.
#pragma once

#include "cuda/instance_norm/instance_norm_forward_channels_last.cuh"
#include "cuda/runtime/arguments.h"
#include "cuda/runtime/reflection.cuh"

namespace i2i::cuda {

// out = pad(x). Grid: planes x splits.
template <class T>
__global__ void __launch_bounds__(256, 4) pad_contiguous(const PadArguments arguments) {
  const Plane plane{arguments.shape.height, arguments.shape.width, arguments.shape.padding};
  const T* const x = static_cast<const T*>(arguments.x) + static_cast<int64_t>(blockIdx.x) * plane.size();
  T* const out = static_cast<T*>(arguments.out) + static_cast<int64_t>(blockIdx.x) * plane.padded_size();
  sweep(
      out, plane.padded_size(), blockIdx.y * blockDim.x + threadIdx.x, gridDim.y * blockDim.x,
      [&](int index) {
        float values[kRun<T>];
        read_padded(plane, x, index, values);
        write_run(out + index, values);
      },
      [&](int index) {
        float values[1];
        read_padded(plane, x, index, values);
        write_run(out + index, values);
      });
}

// Grid: samples * groups of channels x splits.
template <class T, int WIDTH>
__global__ void __launch_bounds__(256, 4) pad_channels_last(const PadArguments arguments) {
  const Shape& shape = arguments.shape;
  const ChannelsLastThread<WIDTH> at(shape);
  const Plane plane{shape.height, shape.width, shape.padding};
  const T* const x = static_cast<const T*>(arguments.x) + at.sample * plane.size() * shape.channels + at.channel;
  T* const out = static_cast<T*>(arguments.out) + at.sample * plane.padded_size() * shape.channels + at.channel;
  at.for_each_pixel(plane.padded_size(), [&](int pixel) {
    const int row = pixel / plane.padded_width();
    const int source = source_of(plane, row, pixel - row * plane.padded_width());
    float values[WIDTH];
    read_aligned(x + static_cast<int64_t>(source) * shape.channels, values);
    write_aligned(out + static_cast<int64_t>(pixel) * shape.channels, values);
  });
}

// out = added + gradient of pad at x, each element gathered in a fixed order. Grid: planes x splits.
template <class T>
__global__ void __launch_bounds__(256, 4) fold_contiguous(const FoldArguments arguments) {
  const Plane plane{arguments.shape.height, arguments.shape.width, arguments.shape.padding};
  const int64_t offset = static_cast<int64_t>(blockIdx.x) * plane.size();
  const T* const gradient =
      static_cast<const T*>(arguments.gradient) + static_cast<int64_t>(blockIdx.x) * plane.padded_size();
  const T* const added = static_cast<const T*>(arguments.added) + offset;
  T* const out = static_cast<T*>(arguments.out) + offset;
  const auto give = [&](int index, auto& values, auto& others) {
    read_folded(plane, gradient, index, values);
    read_run(added + index, others);
    constexpr int count = sizeof(values) / sizeof(float);
#pragma unroll
    for (int i = 0; i < count; ++i) values[i] += others[i];
    write_run(out + index, values);
  };
  sweep(
      out, plane.size(), blockIdx.y * blockDim.x + threadIdx.x, gridDim.y * blockDim.x,
      [&](int index) {
        float values[kRun<T>], others[kRun<T>];
        give(index, values, others);
      },
      [&](int index) {
        float values[1], others[1];
        give(index, values, others);
      });
}

// Grid: samples * groups of channels x splits.
template <class T, int WIDTH>
__global__ void __launch_bounds__(256, 4) fold_channels_last(const FoldArguments arguments) {
  const Shape& shape = arguments.shape;
  const ChannelsLastThread<WIDTH> at(shape);
  const Plane plane{shape.height, shape.width, shape.padding};
  const int64_t offset = at.sample * plane.size() * shape.channels + at.channel;
  const T* const gradient =
      static_cast<const T*>(arguments.gradient) + at.sample * plane.padded_size() * shape.channels + at.channel;
  at.for_each_pixel(plane.size(), [&](int pixel) {
    const int64_t position = offset + static_cast<int64_t>(pixel) * shape.channels;
    const int row = pixel / plane.width;
    float values[WIDTH];
    read_aligned(static_cast<const T*>(arguments.added) + position, values);
    for_each_image(plane, row, pixel - row * plane.width, [&](int image) {
      float one[WIDTH];
      read_aligned(gradient + static_cast<int64_t>(image) * shape.channels, one);
#pragma unroll
      for (int c = 0; c < WIDTH; ++c) values[c] += one[c];
    });
    write_aligned(static_cast<T*>(arguments.out) + position, values);
  });
}

}  // namespace i2i::cuda
