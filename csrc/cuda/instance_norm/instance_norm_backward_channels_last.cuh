// Gradients of instance_norm_forward_channels_last.cuh: the formulas of instance_norm_backward_contiguous.cuh, the
// threads of instance_norm_forward_channels_last.cuh, in two launches.
#pragma once

#include "cuda/instance_norm/instance_norm_backward_contiguous.cuh"
#include "cuda/instance_norm/instance_norm_forward_channels_last.cuh"

namespace i2i::cuda {

// What a block's channels need. It stays in shared memory: for the 8 channels of a thread it would take so many
// registers that half of the device's threads could not run.
template <int CHANNELS>
struct ChannelConstants {
  float means[CHANNELS], scales[CHANNELS], biases[CHANNELS];  // Normalisation
  float mean_gradients[CHANNELS], slopes[CHANNELS];           // Projection

  __device__ __forceinline__ void set(int i, const Normalisation& normalise) {
    means[i] = normalise.mean;
    scales[i] = normalise.scale;
    biases[i] = normalise.bias;
  }
  __device__ __forceinline__ void set(int i, const Projection& projection) {
    mean_gradients[i] = projection.mean_gradient;
    slopes[i] = projection.slope;
  }
  __device__ __forceinline__ Normalisation normalise(int i) const { return {means[i], scales[i], biases[i]}; }
  __device__ __forceinline__ Projection projection(int i) const { return {mean_gradients[i], slopes[i]}; }
};

// A thread's part of the arguments.
template <class T, int WIDTH, class Epilogue>
struct ChannelsLastBackward {
  using Thread = ChannelsLastThread<WIDTH>;
  using Constants = ChannelConstants<Thread::kChannels>;

  const BackwardArguments& arguments;
  const Thread& at;
  const Epilogue& epilogue;
  const Constants& constants;
  Plane plane;
  int64_t offset, padded_offset;  // of the sample's first pixel, at the thread's first channel

  __device__ __forceinline__ ChannelsLastBackward(const BackwardArguments& arguments, const Thread& at,
                                                  const Epilogue& epilogue, const Constants& constants)
      : arguments(arguments),
        at(at),
        epilogue(epilogue),
        constants(constants),
        plane{arguments.shape.height, arguments.shape.width, arguments.shape.padding},
        offset(at.sample * plane.size() * arguments.shape.channels + at.channel),
        padded_offset(at.sample * plane.padded_size() * arguments.shape.channels + at.channel) {}

  // x and g of a pixel.
  __device__ __forceinline__ void load(int pixel, float (&values)[WIDTH], float (&gradients)[WIDTH]) const {
    // Tells the compiler that shared memory may have changed since the last pixel: it must not keep it in registers.
    if (WIDTH == 8) asm volatile("" ::: "memory");
    read_aligned(static_cast<const T*>(arguments.x) + offset + position(pixel), values);
#pragma unroll
    for (int c = 0; c < WIDTH; ++c) gradients[c] = 0.0f;
    const int row = pixel / plane.width;
    for_each_image(plane, row, pixel - row * plane.width, [&](int image) {
      float one[WIDTH];
      read_aligned(static_cast<const T*>(arguments.gradient) + padded_offset + position(image), one);
#pragma unroll
      for (int c = 0; c < WIDTH; ++c) gradients[c] += one[c];
    });
#pragma unroll
    for (int c = 0; c < WIDTH; ++c) gradients[c] = epilogue.backward(normalise(c)(values[c]), gradients[c]);
  }

  __device__ __forceinline__ Normalisation normalise(int c) const { return constants.normalise(at.lane * WIDTH + c); }
  __device__ __forceinline__ Projection projection(int c) const { return constants.projection(at.lane * WIDTH + c); }
  __device__ __forceinline__ int64_t position(int pixel) const {
    return static_cast<int64_t>(pixel) * arguments.shape.channels;
  }
};

// Grid: samples * groups of channels x splits. Writes partial_sums[sum g, sum g * d][split][plane].
template <class T, int WIDTH, class Epilogue>
__global__ void __launch_bounds__(256, 4)
    channels_last_backward_sums(const BackwardArguments arguments, const Epilogue epilogue) {
  using Thread = ChannelsLastThread<WIDTH>;
  constexpr int warps = 256 / kWarp;
  __shared__ ChannelConstants<Thread::kChannels> constants;
  __shared__ float firsts[warps][Thread::kChannels], seconds[warps][Thread::kChannels];
  const Shape& shape = arguments.shape;
  const Thread at(shape);
  const int channel = at.own_channel(shape);
  const int64_t plane = at.sample * shape.channels + channel;
  if (channel >= 0) constants.set(threadIdx.x, kept_normalisation<T>(arguments, plane, channel));
  __syncthreads();
  Sums sums[WIDTH];
  const ChannelsLastBackward<T, WIDTH, Epilogue> backward(arguments, at, epilogue, constants);
  at.for_each_pixel(shape.height * shape.width, [&](int pixel) {
    float values[WIDTH], gradients[WIDTH];
    backward.load(pixel, values, gradients);
#pragma unroll
    for (int c = 0; c < WIDTH; ++c) {
      sums[c].first += gradients[c];
      sums[c].second = fmaf(gradients[c], values[c] - backward.normalise(c).mean, sums[c].second);
    }
  });
  const int warp = threadIdx.x / kWarp;
#pragma unroll
  for (int c = 0; c < WIDTH; ++c) {
    sums[c].add_lanes(Thread::kLanes);
    if (threadIdx.x % kWarp < Thread::kLanes) {
      firsts[warp][at.lane * WIDTH + c] = sums[c].first;
      seconds[warp][at.lane * WIDTH + c] = sums[c].second;
    }
  }
  __syncthreads();
  if (channel < 0) return;
  Sums all;
  for (int i = 0; i < static_cast<int>(blockDim.x) / kWarp; ++i) {
    all.first += firsts[i][threadIdx.x];
    all.second += seconds[i][threadIdx.x];
  }
  const int64_t planes = shape.batch * shape.channels;
  write(partial_sums(arguments) + (0LL * gridDim.y + blockIdx.y) * planes + plane, all.first);
  write(partial_sums(arguments) + (1LL * gridDim.y + blockIdx.y) * planes + plane, all.second);
}

// Grid: as channels_last_backward_sums, which had `splits` blocks for a group, but any number of them.
template <class T, int WIDTH, class Epilogue>
__global__ void __launch_bounds__(256, 4)
    channels_last_backward_apply(const BackwardArguments arguments, const Epilogue epilogue, int splits) {
  using Thread = ChannelsLastThread<WIDTH>;
  __shared__ ChannelConstants<Thread::kChannels> constants;
  const Shape& shape = arguments.shape;
  const Thread at(shape);
  const int channel = at.own_channel(shape);
  if (channel >= 0) {
    const int64_t planes = shape.batch * shape.channels;
    const int64_t plane = at.sample * shape.channels + channel;
    Sums all;
    for (int split = 0; split < splits; ++split) {
      all.first += read(partial_sums(arguments) + (0LL * splits + split) * planes + plane);
      all.second += read(partial_sums(arguments) + (1LL * splits + split) * planes + plane);
    }
    const float rstd = read(arguments.rstd + plane);
    if (blockIdx.y == 0) keep_sums(arguments, plane, all, rstd);
    constants.set(threadIdx.x, kept_normalisation<T>(arguments, plane, channel));
    constants.set(threadIdx.x, Projection(all, rstd, __fdividef(1.0f, static_cast<float>(shape.height * shape.width))));
  }
  __syncthreads();
  const ChannelsLastBackward<T, WIDTH, Epilogue> backward(arguments, at, epilogue, constants);
  at.for_each_pixel(shape.height * shape.width, [&](int pixel) {
    float values[WIDTH], gradients[WIDTH];
    backward.load(pixel, values, gradients);
    const int64_t position = backward.offset + backward.position(pixel);
    if (Epilogue::kAddsSkip && arguments.dskip != nullptr)
      write_aligned(static_cast<T*>(arguments.dskip) + position, gradients);
#pragma unroll
    for (int c = 0; c < WIDTH; ++c) values[c] = backward.projection(c)(backward.normalise(c), values[c], gradients[c]);
    write_aligned(static_cast<T*>(arguments.dx) + position, values);
  });
}

}  // namespace i2i::cuda
