// Mean and variance in float32 without cancellation: updated by groups of values (Chan, Golub and LeVeque, 1979),
// combined over a block in an order that depends on nothing but the block's size. Also the block's plain sums.
#pragma once

#include "cuda/runtime/elements.cuh"

namespace i2i::cuda {

constexpr unsigned kAllLanes = 0xffffffffu;
constexpr int kWarp = 32;
constexpr int kMaxWarps = 32;

// Of CHANNELS neighbouring channels that were seen equally often.
template <int CHANNELS>
struct Moments {
  float count = 0.0f;
  float mean[CHANNELS] = {};
  float squares[CHANNELS] = {};  // sum of squared distances from the mean

  // The distances are taken from the mean so far, or the first value, so that a large mean costs no accuracy.
  template <int COUNT>
  __device__ __forceinline__ void add(const float (&values)[COUNT][CHANNELS]) {
    const float total = count + COUNT;
    const float share = __fdividef(static_cast<float>(COUNT), total);
#pragma unroll
    for (int c = 0; c < CHANNELS; ++c) {
      const float pivot = count == 0.0f ? values[0][c] : mean[c];
      float sum = 0.0f;
#pragma unroll
      for (int i = 0; i < COUNT; ++i) sum += values[i][c] - pivot;
      const float shift = sum * (1.0f / COUNT);
      float spread = 0.0f;
#pragma unroll
      for (int i = 0; i < COUNT; ++i) {
        const float distance = values[i][c] - pivot - shift;
        spread = fmaf(distance, distance, spread);
      }
      squares[c] += fmaf(shift * shift, count * share, spread);
      mean[c] = fmaf(shift, share, pivot);
    }
    count = total;
  }

  __device__ __forceinline__ void merge(const Moments& other) {
    if (other.count == 0.0f) return;
    if (count == 0.0f) {
      *this = other;
      return;
    }
    const float total = count + other.count;
    const float share = __fdividef(other.count, total);
#pragma unroll
    for (int c = 0; c < CHANNELS; ++c) {
      const float shift = other.mean[c] - mean[c];
      squares[c] += fmaf(shift * shift, count * share, other.squares[c]);
      mean[c] = fmaf(shift, share, mean[c]);
    }
    count = total;
  }

  // Lane 0 ends with the moments of the warp's lanes whose number is a multiple of `step`, all of which hold their own.
  __device__ __forceinline__ void merge_lanes(int step) {
#pragma unroll
    for (int offset = kWarp / 2; offset > 0; offset /= 2) {
      if (offset < step) break;
      Moments other;
      other.count = __shfl_down_sync(kAllLanes, count, offset);
#pragma unroll
      for (int c = 0; c < CHANNELS; ++c) {
        other.mean[c] = __shfl_down_sync(kAllLanes, mean[c], offset);
        other.squares[c] = __shfl_down_sync(kAllLanes, squares[c], offset);
      }
      merge(other);
    }
  }
};

// One thread's COUNT values of one channel.
template <int COUNT>
__device__ __forceinline__ void add_values(Moments<1>& moments, const float (&values)[COUNT]) {
  float column[COUNT][1];
#pragma unroll
  for (int i = 0; i < COUNT; ++i) column[i][0] = values[i];
  moments.add(column);
}

// Moments of all threads of a block of whole warps, returned to every thread.
__device__ __forceinline__ Moments<1> block_moments(Moments<1> moments) {
  __shared__ float counts[kMaxWarps], means[kMaxWarps], squares[kMaxWarps];
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int warps = blockDim.x / kWarp;
  moments.merge_lanes(1);
  if (lane == 0) {
    counts[warp] = moments.count;
    means[warp] = moments.mean[0];
    squares[warp] = moments.squares[0];
  }
  __syncthreads();
  Moments<1> all;
  if (lane < warps) {
    all.count = counts[lane];
    all.mean[0] = means[lane];
    all.squares[0] = squares[lane];
  }
  all.merge_lanes(1);
  all.count = __shfl_sync(kAllLanes, all.count, 0);
  all.mean[0] = __shfl_sync(kAllLanes, all.mean[0], 0);
  all.squares[0] = __shfl_sync(kAllLanes, all.squares[0], 0);
  return all;
}

// Two numbers that are summed together.
struct Sums {
  float first = 0.0f, second = 0.0f;

  // Every lane ends with a sum in which each of the lanes whose numbers differ by multiples of `step` stands once.
  __device__ __forceinline__ void add_lanes(int step) {
#pragma unroll
    for (int offset = kWarp / 2; offset > 0; offset /= 2) {
      if (offset < step) break;
      first += __shfl_xor_sync(kAllLanes, first, offset);
      second += __shfl_xor_sync(kAllLanes, second, offset);
    }
  }
};

// Sums over all threads of a block of whole warps, returned to every thread.
__device__ __forceinline__ Sums block_sums(Sums sums) {
  __shared__ float firsts[kMaxWarps], seconds[kMaxWarps];
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int warps = blockDim.x / kWarp;
  sums.add_lanes(1);
  if (lane == 0) {
    firsts[warp] = sums.first;
    seconds[warp] = sums.second;
  }
  __syncthreads();
  Sums all;
  if (lane < warps) {
    all.first = firsts[lane];
    all.second = seconds[lane];
  }
  all.add_lanes(1);
  return all;
}

// The two statistics that are kept, and what the normalisation needs of them.
struct Statistics {
  float mean, rstd;
};

__device__ __forceinline__ Statistics statistics_of(float count, float mean, float squares, float eps) {
  return {mean, rsqrtf(__fdividef(squares, count) + eps)};
}

// y = (x - mean) * rstd * weight + bias
struct Normalisation {
  float mean, scale, bias;

  Normalisation() = default;
  __device__ __forceinline__ Normalisation(float mean, float scale, float bias)
      : mean(mean), scale(scale), bias(bias) {}
  __device__ __forceinline__ Normalisation(Statistics statistics, float weight, float bias)
      : Normalisation(statistics.mean, statistics.rstd * weight, bias) {}
  __device__ __forceinline__ float operator()(float value) const { return fmaf(value - mean, scale, bias); }
};

}  // namespace i2i::cuda
