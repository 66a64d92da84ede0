// Gradients of instance_norm_forward_contiguous.cuh. With g the gradient that reaches the normalised value (folded back
// from the padding, times the epilogue's derivative), d = x - mean and M the plane's size:
//   dbias = sum g,  dweight = sum g * d * rstd,
//   dx = rstd * weight * (g - sum g / M - d * rstd^2 * sum(g * d) / M).
// Resident and split as in the forward pass; no atomics: every element gathers from the padded gradient.
//
// An Epilogue has kAddsSkip and backward(normalised, gradient).
#pragma once

#include "cuda/instance_norm/instance_norm_forward_contiguous.cuh"
#include "cuda/instance_norm/instance_norm_moments.cuh"
#include "cuda/runtime/arguments.h"
#include "cuda/runtime/reflection.cuh"

namespace i2i::cuda {

// The normalisation of the forward pass, from the statistics it kept.
template <class T>
__device__ __forceinline__ Normalisation kept_normalisation(const BackwardArguments& arguments, int64_t plane,
                                                            int channel) {
  return Normalisation({read(arguments.mean + plane), read(arguments.rstd + plane)},
                       parameter<T>(arguments.weight, arguments.float_parameters, channel, 1.0f),
                       parameter<T>(arguments.bias, arguments.float_parameters, channel, 0.0f));
}

// The subtrahends of dx.
struct Projection {
  float mean_gradient, slope;

  // `sums`: of g, and of g * d.
  Projection() = default;
  __device__ __forceinline__ Projection(float mean_gradient, float slope)
      : mean_gradient(mean_gradient), slope(slope) {}
  __device__ __forceinline__ Projection(Sums sums, float rstd, float inverse_size)
      : Projection(sums.first * inverse_size, sums.second * inverse_size * rstd * rstd) {}
  __device__ __forceinline__ float operator()(const Normalisation& normalise, float x, float gradient) const {
    return normalise.scale * fmaf(-(x - normalise.mean), slope, gradient - mean_gradient);
  }
};

// A plane's part of the arguments.
template <class T>
struct BackwardPlane {
  Plane plane;
  int64_t number;  // n * channels + c
  const T* gradient;
  const T* x;
  T* dx;
  T* dskip;

  __device__ __forceinline__ BackwardPlane(const BackwardArguments& arguments, int64_t number)
      : plane{arguments.shape.height, arguments.shape.width, arguments.shape.padding},
        number(number),
        gradient(static_cast<const T*>(arguments.gradient) + number * plane.padded_size()),
        x(static_cast<const T*>(arguments.x) + number * plane.size()),
        dx(static_cast<T*>(arguments.dx) + number * plane.size()),
        dskip(arguments.dskip == nullptr ? nullptr : static_cast<T*>(arguments.dskip) + number * plane.size()) {}

  __device__ __forceinline__ float inverse_size() const { return __fdividef(1.0f, static_cast<float>(plane.size())); }
};

// What one thread reads for the block's plane; valid after the next barrier.
struct PlaneConstants {
  Statistics statistics;
  PlaneAffine affine;

  template <class T>
  __device__ __forceinline__ void take(const BackwardArguments& arguments) {
    affine.take<T>(arguments);
    if (threadIdx.x == 0) statistics = {read(arguments.mean + blockIdx.x), read(arguments.rstd + blockIdx.x)};
  }
  __device__ __forceinline__ Normalisation normalise() const { return {statistics, affine.weight, affine.bias}; }
};

// The kernels' two passes over a plane, from global memory or from copies in shared memory.
template <class T, class Epilogue>
struct BackwardPasses {
  const BackwardPlane<T>& at;
  const T* x;
  const T* gradient;
  Normalisation normalise;
  const Epilogue& epilogue;
  unsigned worker, workers;

  // x and g of COUNT elements from flat index `index` on.
  template <int COUNT>
  __device__ __forceinline__ void load(int index, float (&values)[COUNT], float (&gradients)[COUNT]) const {
    read_run(x + index, values);
    read_folded(at.plane, gradient, index, gradients);
#pragma unroll
    for (int i = 0; i < COUNT; ++i) gradients[i] = epilogue.backward(normalise(values[i]), gradients[i]);
  }

  template <int COUNT>
  __device__ __forceinline__ void add(int index, Sums& sums) const {
    float values[COUNT], gradients[COUNT];
    load(index, values, gradients);
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      sums.first += gradients[i];
      sums.second = fmaf(gradients[i], values[i] - normalise.mean, sums.second);
    }
  }

  template <int COUNT>
  __device__ __forceinline__ void write_results(int index, const Projection& projection) const {
    float values[COUNT], gradients[COUNT];
    load(index, values, gradients);
    if (Epilogue::kAddsSkip && at.dskip != nullptr) write_run(at.dskip + index, gradients);
#pragma unroll
    for (int i = 0; i < COUNT; ++i) values[i] = projection(normalise, values[i], gradients[i]);
    write_run(at.dx + index, values);
  }

  __device__ __forceinline__ Sums thread_sums() const {
    Sums sums;
    sweep(
        at.x, at.plane.size(), worker, workers, [&](int index) { add<kRun<T>>(index, sums); },
        [&](int index) { add<1>(index, sums); });
    return sums;
  }

  __device__ __forceinline__ void write_plane(const Projection& projection) const {
    sweep(
        at.dx, at.plane.size(), worker, workers, [&](int index) { write_results<kRun<T>>(index, projection); },
        [&](int index) { write_results<1>(index, projection); });
  }
};

// The sums of a plane for the parameters' gradients: workspace[sum g, sum g * d * rstd][plane].
__device__ __forceinline__ void keep_sums(const BackwardArguments& arguments, int64_t plane, Sums sums, float rstd) {
  const int64_t planes = arguments.shape.batch * arguments.shape.channels;
  write(arguments.workspace + plane, sums.first);
  write(arguments.workspace + planes + plane, sums.second * rstd);
}

// Copies a plane to where it lies to the 16 byte boundaries as in global memory; returns its first element.
template <class T>
__device__ __forceinline__ const T* copy_to_shared(const T* plane, int size, unsigned char* memory) {
  T* const copy = reinterpret_cast<T*>(memory + reinterpret_cast<uintptr_t>(plane) % 16);
  sweep(
      plane, size, threadIdx.x, blockDim.x,
      [&](int index) {
        float values[kRun<T>];
        read_run(plane + index, values);
        write_run(copy + index, values);
      },
      [&](int index) { write(copy + index, read(plane + index)); });
  return copy;
}

// Grid: planes. Dynamic shared memory: shared_bytes(plane size), then shared_bytes(padded plane size).
template <class T, class Epilogue>
__global__ void __launch_bounds__(1024, 1)
    backward_resident(const BackwardArguments arguments, const Epilogue epilogue) {
  I2I_DYNAMIC_SHARED(memory);
  __shared__ PlaneConstants constants;
  constants.take<T>(arguments);
  const BackwardPlane<T> at(arguments, blockIdx.x);
  const int gradient_offset = (at.plane.size() * static_cast<int>(sizeof(T)) + 16 + 15) / 16 * 16;
  const T* const x = copy_to_shared(at.x, at.plane.size(), memory);
  const T* const gradient = copy_to_shared(at.gradient, at.plane.padded_size(), memory + gradient_offset);
  __syncthreads();
  const BackwardPasses<T, Epilogue> passes{at, x, gradient, constants.normalise(), epilogue, threadIdx.x, blockDim.x};
  const Sums sums = block_sums(passes.thread_sums());
  if (threadIdx.x == 0) keep_sums(arguments, at.number, sums, constants.statistics.rstd);
  passes.write_plane(Projection(sums, constants.statistics.rstd, at.inverse_size()));
}

// The partial results stand behind the planes' sums.
__device__ __forceinline__ float* partial_sums(const BackwardArguments& arguments) {
  return arguments.workspace + 2 * arguments.shape.batch * arguments.shape.channels;
}

// Grid: planes x splits. Writes partial_sums[plane][split] of sum g and sum g * d.
template <class T, class Epilogue>
__global__ void __launch_bounds__(256, 4) backward_sums(const BackwardArguments arguments, const Epilogue epilogue) {
  __shared__ PlaneConstants constants;
  constants.take<T>(arguments);
  __syncthreads();
  const BackwardPlane<T> at(arguments, blockIdx.x);
  const BackwardPasses<T, Epilogue> passes{at,
                                           at.x,
                                           at.gradient,
                                           constants.normalise(),
                                           epilogue,
                                           blockIdx.y * blockDim.x + threadIdx.x,
                                           gridDim.y * blockDim.x};
  const Sums sums = block_sums(passes.thread_sums());
  if (threadIdx.x == 0) {
    float* const partial = partial_sums(arguments) + (at.number * gridDim.y + blockIdx.y) * 2;
    write(partial, sums.first);
    write(partial + 1, sums.second);
  }
}

// Grid: as backward_sums. Every block adds up all partial results of its plane itself, in a fixed order.
template <class T, class Epilogue>
__global__ void __launch_bounds__(256, 4) backward_apply(const BackwardArguments arguments, const Epilogue epilogue) {
  __shared__ PlaneConstants constants;
  constants.take<T>(arguments);
  const BackwardPlane<T> at(arguments, blockIdx.x);
  Sums sums;
  for (unsigned split = threadIdx.x; split < gridDim.y; split += blockDim.x) {
    const float* const partial = partial_sums(arguments) + (at.number * gridDim.y + split) * 2;
    sums.first += read(partial);
    sums.second += read(partial + 1);
  }
  sums = block_sums(sums);  // after its barrier constants are there, too
  if (blockIdx.y == 0 && threadIdx.x == 0) keep_sums(arguments, at.number, sums, constants.statistics.rstd);
  const BackwardPasses<T, Epilogue> passes{at,
                                           at.x,
                                           at.gradient,
                                           constants.normalise(),
                                           epilogue,
                                           blockIdx.y * blockDim.x + threadIdx.x,
                                           gridDim.y * blockDim.x};
  passes.write_plane(Projection(sums, constants.statistics.rstd, at.inverse_size()));
}

// Grid: channels in blocks of threads. The parameters' gradients from the planes' sums, over the samples in order.
template <class T>
__global__ void __launch_bounds__(256, 4) backward_parameters(const BackwardArguments arguments) {
  const int channels = arguments.shape.channels;
  const int64_t planes = arguments.shape.batch * channels;
  const int channel = blockIdx.x * blockDim.x + threadIdx.x;
  if (channel >= channels) return;
  Sums sums;
  for (int64_t plane = channel; plane < planes; plane += channels) {
    sums.first += read(arguments.workspace + plane);
    sums.second += read(arguments.workspace + planes + plane);
  }
  const auto give = [&](void* gradients, float sum) {
    if (gradients == nullptr) return;
    if (arguments.float_parameters)
      write(static_cast<float*>(gradients) + channel, sum);
    else
      write(static_cast<T*>(gradients) + channel, sum);
  };
  give(arguments.dbias, sums.first);
  give(arguments.dweight, sums.second);
}

}  // namespace i2i::cuda
