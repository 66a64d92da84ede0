// Elements of images, float32 or bfloat16 (as uint16_t), to and from vectors of floats and of doubles.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>

#include "cpu/runtime/vector.inl.h"

namespace i2i::cpu {
namespace I2I_VARIANT {

// A register of doubles, and as many floats: half a vector.
constexpr int kDoubles = kVectorFloats / 2;
using Doubles __attribute__((vector_size(kDoubles * sizeof(double)))) = double;
using UnalignedDoubles __attribute__((vector_size(kDoubles * sizeof(double)), aligned(alignof(double)))) = double;
using HalfVector __attribute__((vector_size(kDoubles * sizeof(float)))) = float;
using HalfBits __attribute__((vector_size(kDoubles * sizeof(float)))) = uint32_t;
using HalfShorts __attribute__((vector_size(kDoubles * sizeof(uint16_t)))) = uint16_t;
using VectorBits __attribute__((vector_size(kVectorFloats * sizeof(float)))) = uint32_t;
using VectorShorts __attribute__((vector_size(kVectorFloats * sizeof(uint16_t)))) = uint16_t;

I2I_INLINE float as_float(float value) { return value; }

I2I_INLINE float as_float(uint16_t bfloat16) {
  const uint32_t bits = static_cast<uint32_t>(bfloat16) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

I2I_INLINE Vector load(const uint16_t* from) {
  VectorShorts shorts;
  std::memcpy(&shorts, from, sizeof shorts);
  return reinterpret_cast<Vector>(__builtin_convertvector(shorts, VectorBits) << 16);
}

// Rounds to the nearest, ties to even; NaN stays NaN.
I2I_INLINE void store(uint16_t* to, Vector value) {
  const VectorBits bits = reinterpret_cast<VectorBits>(value);
  const VectorBits rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  const VectorBits kept = value == value ? rounded : VectorBits{} + 0x7fc0;
  const VectorShorts shorts = __builtin_convertvector(kept, VectorShorts);
  std::memcpy(to, &shorts, sizeof shorts);
}

// The first `count` < kVectorFloats elements; the other lanes are zero.
template <class Element>
I2I_INLINE Vector load_part(const Element* from, int64_t count) {
  Element whole[kVectorFloats] = {};
  std::memcpy(whole, from, count * sizeof(Element));
  return load(whole);
}

template <class Element>
I2I_INLINE void store_part(Element* to, Vector value, int64_t count) {
  Element whole[kVectorFloats];
  store(whole, value);
  std::memcpy(to, whole, count * sizeof(Element));
}

I2I_INLINE Doubles load_doubles(const double* from) { return *reinterpret_cast<const UnalignedDoubles*>(from); }

I2I_INLINE Doubles load_doubles(const float* from) {
  HalfVector floats;
  std::memcpy(&floats, from, sizeof floats);
  return __builtin_convertvector(floats, Doubles);
}

I2I_INLINE Doubles load_doubles(const uint16_t* from) {
  HalfShorts shorts;
  std::memcpy(&shorts, from, sizeof shorts);
  const HalfBits bits = __builtin_convertvector(shorts, HalfBits) << 16;
  return __builtin_convertvector(reinterpret_cast<HalfVector>(bits), Doubles);
}

I2I_INLINE void store_doubles(double* to, Doubles value) { *reinterpret_cast<UnalignedDoubles*>(to) = value; }

// Uninitialised memory that goes with its scope.
template <class Value>
class Memory {
 public:
  explicit Memory(int64_t count) : values_(new Value[count]) {}
  operator Value*() const { return values_.get(); }

 private:
  std::unique_ptr<Value[]> values_;
};

}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
