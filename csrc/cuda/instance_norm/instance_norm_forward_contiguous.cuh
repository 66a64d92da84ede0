// Instance normalisation of contiguous planes with something to follow (an Epilogue: an activation, or the addition of
// a skip connection) and reflection padding of the result. Resident: one launch, each element of x is read once and
// each of the result written once. Split: two launches for planes that no block can hold.
//
// An Epilogue has kAddsSkip and forward(normalised, skip).
#pragma once

#include "cuda/instance_norm/instance_norm_moments.cuh"
#include "cuda/runtime/arguments.h"
#include "cuda/runtime/reflection.cuh"

namespace i2i::cuda {

// A plane's part of the arguments.
template <class T>
struct ForwardPlane {
  Plane plane;
  int64_t number;  // of the plane, n * channels + c
  const T* x;
  const T* skip;
  T* out;

  __device__ __forceinline__ ForwardPlane(const ForwardArguments& arguments, int64_t number)
      : plane{arguments.shape.height, arguments.shape.width, arguments.shape.padding},
        number(number),
        x(static_cast<const T*>(arguments.x) + number * plane.size()),
        skip(arguments.skip == nullptr ? nullptr : static_cast<const T*>(arguments.skip) + number * plane.size()),
        out(static_cast<T*>(arguments.out) + number * plane.padded_size()) {}
};

// Scale and shift of the block's plane, which one thread reads for all; valid after the next barrier.
struct PlaneAffine {
  float weight, bias;

  template <class T, class Arguments>
  __device__ __forceinline__ void take(const Arguments& arguments) {
    if (threadIdx.x != 0) return;
    const int channel = static_cast<int>(blockIdx.x % arguments.shape.channels);
    weight = parameter<T>(arguments.weight, arguments.float_parameters, channel, 1.0f);
    bias = parameter<T>(arguments.bias, arguments.float_parameters, channel, 0.0f);
  }
};

// COUNT results from flat index `index` of the padded plane on. `values` is the plane of x, in either memory.
template <int COUNT, class T, class Epilogue>
__device__ __forceinline__ void write_results(const ForwardPlane<T>& at, const T* values,
                                              const Normalisation& normalise, const Epilogue& epilogue, int index) {
  float results[COUNT], skips[COUNT] = {};
  read_padded(at.plane, values, index, results);
  if (Epilogue::kAddsSkip) read_padded(at.plane, at.skip, index, skips);
#pragma unroll
  for (int i = 0; i < COUNT; ++i) results[i] = epilogue.forward(normalise(results[i]), skips[i]);
  write_run(at.out + index, results);
}

template <class T, class Epilogue>
__device__ __forceinline__ void write_plane(const ForwardPlane<T>& at, const T* values, const Normalisation& normalise,
                                            const Epilogue& epilogue, unsigned worker, unsigned workers) {
  sweep(
      at.out, at.plane.padded_size(), worker, workers,
      [&](int index) { write_results<kRun<T>>(at, values, normalise, epilogue, index); },
      [&](int index) { write_results<1>(at, values, normalise, epilogue, index); });
}

__device__ __forceinline__ void keep(const ForwardArguments& arguments, int64_t plane, Statistics statistics) {
  write(arguments.mean + plane, statistics.mean);
  write(arguments.rstd + plane, statistics.rstd);
}

// Grid: planes. Dynamic shared memory: shared_bytes(plane size).
template <class T, class Epilogue>
__global__ void __launch_bounds__(1024, 1) forward_resident(const ForwardArguments arguments, const Epilogue epilogue) {
  I2I_DYNAMIC_SHARED(memory);
  __shared__ PlaneAffine affine;
  affine.take<T>(arguments);
  const ForwardPlane<T> at(arguments, blockIdx.x);
  // The copy lies as the plane does to the 16 byte boundaries, so that it is written and read by 16 bytes, too.
  T* const copy = reinterpret_cast<T*>(memory + reinterpret_cast<uintptr_t>(at.x) % 16);
  Moments<1> moments;
  const auto take = [&](int index, auto& values) {
    read_run(at.x + index, values);
    add_values(moments, values);
    write_run(copy + index, values);
  };
  sweep(
      at.x, at.plane.size(), threadIdx.x, blockDim.x,
      [&](int index) {
        float values[kRun<T>];
        take(index, values);
      },
      [&](int index) {
        float values[1];
        take(index, values);
      });
  moments = block_moments(moments);  // its barrier also completes the copy and affine
  const Statistics statistics = statistics_of(moments.count, moments.mean[0], moments.squares[0], arguments.eps);
  if (threadIdx.x == 0) keep(arguments, at.number, statistics);
  write_plane(at, copy, Normalisation(statistics, affine.weight, affine.bias), epilogue, threadIdx.x, blockDim.x);
}

// Grid: planes x splits. Writes a partial result to workspace[plane][split] of count, mean and squares.
template <class T>
__global__ void __launch_bounds__(256, 4) forward_statistics(const ForwardArguments arguments) {
  const ForwardPlane<T> at(arguments, blockIdx.x);
  Moments<1> moments;
  sweep(
      at.x, at.plane.size(), blockIdx.y * blockDim.x + threadIdx.x, gridDim.y * blockDim.x,
      [&](int index) {
        float values[kRun<T>];
        read_run(at.x + index, values);
        add_values(moments, values);
      },
      [&](int index) {
        float values[1];
        read_run(at.x + index, values);
        add_values(moments, values);
      });
  moments = block_moments(moments);
  if (threadIdx.x == 0) {
    float* const partial = arguments.workspace + (at.number * gridDim.y + blockIdx.y) * 3;
    write(partial, moments.count);
    write(partial + 1, moments.mean[0]);
    write(partial + 2, moments.squares[0]);
  }
}

// Every block merges all partial results of its plane itself, in a fixed order.
__device__ __forceinline__ Statistics merged_statistics(const ForwardArguments& arguments, int64_t plane) {
  Moments<1> moments;
  for (unsigned split = threadIdx.x; split < gridDim.y; split += blockDim.x) {
    const float* const partial = arguments.workspace + (plane * gridDim.y + split) * 3;
    Moments<1> one;
    one.count = read(partial);
    one.mean[0] = read(partial + 1);
    one.squares[0] = read(partial + 2);
    moments.merge(one);
  }
  moments = block_moments(moments);
  return statistics_of(moments.count, moments.mean[0], moments.squares[0], arguments.eps);
}

// What one thread reads for its block.
__device__ __forceinline__ Statistics given_statistics(const ForwardArguments& arguments, int64_t plane) {
  __shared__ Statistics statistics;
  if (threadIdx.x == 0) statistics = {read(arguments.mean + plane), read(arguments.rstd + plane)};
  __syncthreads();
  return statistics;
}

// Grid: planes x splits, as many as forward_statistics had.
template <class T, class Epilogue>
__global__ void __launch_bounds__(256, 4) forward_apply(const ForwardArguments arguments, const Epilogue epilogue) {
  __shared__ PlaneAffine affine;
  affine.take<T>(arguments);
  const ForwardPlane<T> at(arguments, blockIdx.x);
  // Either has a barrier, after which affine is there, too.
  const Statistics statistics =
      arguments.statistics_given ? given_statistics(arguments, at.number) : merged_statistics(arguments, at.number);
  if (!arguments.statistics_given && blockIdx.y == 0 && threadIdx.x == 0) keep(arguments, at.number, statistics);
  write_plane(at, at.x, Normalisation(statistics, affine.weight, affine.bias), epilogue,
              blockIdx.y * blockDim.x + threadIdx.x, gridDim.y * blockDim.x);
}

}  // namespace i2i::cuda
