// Elements of tensors: conversion to and from float32, reads and writes of one element or of 16 bytes.
#pragma once

#include "cuda/runtime/platform.cuh"

namespace i2i::cuda {

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(__half value) { return __half2float(value); }
__device__ __forceinline__ float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }

// Rounds to nearest, as PyTorch does.
template <class T>
__device__ __forceinline__ T from_float(float value);
template <>
__device__ __forceinline__ float from_float<float>(float value) {
  return value;
}
template <>
__device__ __forceinline__ __half from_float<__half>(float value) {
  return __float2half_rn(value);
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

// How many elements 16 bytes hold, the widest load and store of a thread.
template <class T>
constexpr int kRun = 16 / static_cast<int>(sizeof(T));

template <class T, int COUNT>
struct alignas(COUNT * sizeof(T)) Packed {
  T values[COUNT];
};

template <class T>
__device__ __forceinline__ float read(const T* pointer) {
  I2I_COUNT_READ(pointer, sizeof(T));
  return to_float(*pointer);
}

template <class T>
__device__ __forceinline__ void write(T* pointer, float value) {
  I2I_COUNT_WRITE(pointer, sizeof(T));
  *pointer = from_float<T>(value);
}

// Neighbours in one access; `pointer` is a multiple of their size.
template <class T, int COUNT>
__device__ __forceinline__ void read_aligned(const T* pointer, float (&values)[COUNT]) {
  using Word = Packed<T, COUNT>;
  I2I_COUNT_READ(pointer, sizeof(Word));
  const Word word = *reinterpret_cast<const Word*>(pointer);
#pragma unroll
  for (int i = 0; i < COUNT; ++i) values[i] = to_float(word.values[i]);
}

template <class T, int COUNT>
__device__ __forceinline__ void write_aligned(T* pointer, const float (&values)[COUNT]) {
  using Word = Packed<T, COUNT>;
  I2I_COUNT_WRITE(pointer, sizeof(Word));
  Word word;
#pragma unroll
  for (int i = 0; i < COUNT; ++i) word.values[i] = from_float<T>(values[i]);
  *reinterpret_cast<Word*>(pointer) = word;
}

template <class T, int COUNT>
__device__ __forceinline__ bool is_aligned(const T* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % sizeof(Packed<T, COUNT>) == 0;
}

// Neighbours in one access where their address allows it, else one by one: the rows of a padded plane start anywhere,
// so of a plane and its padded copy only one can be read or written by 16 bytes at all places.
template <class T, int COUNT>
__device__ __forceinline__ void read_run(const T* pointer, float (&values)[COUNT]) {
  if (COUNT > 1 && is_aligned<T, COUNT>(pointer)) {
    read_aligned(pointer, values);
    return;
  }
#pragma unroll
  for (int i = 0; i < COUNT; ++i) values[i] = read(pointer + i);
}

template <class T, int COUNT>
__device__ __forceinline__ void write_run(T* pointer, const float (&values)[COUNT]) {
  if (COUNT > 1 && is_aligned<T, COUNT>(pointer)) {
    write_aligned(pointer, values);
    return;
  }
#pragma unroll
  for (int i = 0; i < COUNT; ++i) write(pointer + i, values[i]);
}

// Goes over `size` neighbouring elements at `start` so that all but a head and a tail of less than 16 bytes each can be
// accessed by 16 bytes. Of `workers` threads the one with number `worker` calls run(index) for kRun<T> elements from
// index on, and single(index) for one.
template <class T, class Run, class Single>
__device__ __forceinline__ void sweep(const T* start, int size, unsigned worker, unsigned workers, const Run& run,
                                      const Single& single) {
  constexpr int width = kRun<T>;
  const int past_boundary = static_cast<int>(reinterpret_cast<uintptr_t>(start) % 16 / sizeof(T));
  const int to_boundary = past_boundary == 0 ? 0 : width - past_boundary;
  const int head = to_boundary < size ? to_boundary : size;
  const int runs = (size - head) / width;
  const int tail = head + runs * width;
  for (unsigned i = worker; i < static_cast<unsigned>(runs); i += workers) run(head + static_cast<int>(i) * width);
  for (unsigned i = worker; i < static_cast<unsigned>(head + size - tail); i += workers) {
    const int index = static_cast<int>(i);
    single(index < head ? index : tail + index - head);
  }
}

// Entry `index` of an affine parameter, which may be absent; parameters are float32 or have the tensor's dtype.
template <class T>
__device__ __forceinline__ float parameter(const void* values, bool is_float, int index, float absent) {
  if (values == nullptr) return absent;
  return is_float ? read(static_cast<const float*>(values) + index) : read(static_cast<const T*>(values) + index);
}

}  // namespace i2i::cuda
