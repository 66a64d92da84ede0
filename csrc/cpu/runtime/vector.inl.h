// Vectors of floats as wide as the variant's registers. Included inside namespace i2i::cpu::I2I_VARIANT.
#pragma once

#define I2I_INLINE inline __attribute__((always_inline))

namespace i2i::cpu {
namespace I2I_VARIANT {

constexpr int kVectorFloats = I2I_VECTOR_FLOATS;

using Vector __attribute__((vector_size(kVectorFloats * sizeof(float)))) = float;
using VectorMask __attribute__((vector_size(kVectorFloats * sizeof(float)))) = int;
using UnalignedVector __attribute__((vector_size(kVectorFloats * sizeof(float)), aligned(alignof(float)))) = float;

I2I_INLINE Vector load(const float* from) { return *reinterpret_cast<const UnalignedVector*>(from); }

I2I_INLINE void store(float* to, Vector value) { *reinterpret_cast<UnalignedVector*>(to) = value; }

I2I_INLINE Vector broadcast(float value) { return Vector{} + value; }

// max(0, value) that keeps NaN, as torch.relu does.
I2I_INLINE Vector relu(Vector value) { return value < 0.f ? Vector{} : value; }

// Lane i of the result is lane from[i] of `first` followed by `second`.
I2I_INLINE Vector shuffle(Vector first, Vector second, VectorMask from) {
#if defined(__clang__)
  Vector result{};
  for (int lane = 0; lane < kVectorFloats; lane++) {
    result[lane] = from[lane] < kVectorFloats ? first[from[lane]] : second[from[lane] - kVectorFloats];
  }
  return result;
#else
  return __builtin_shuffle(first, second, from);
#endif
}

// Transposes rows[i][j] to rows[j][i] in log2(kVectorFloats) rounds; each round swaps halves that are `distance` apart.
I2I_INLINE void transpose(Vector rows[kVectorFloats]) {
#pragma GCC unroll 4
  for (int distance = 1; distance < kVectorFloats; distance *= 2) {
    VectorMask low, high;
#pragma GCC unroll 16
    for (int lane = 0; lane < kVectorFloats; lane++) {
      const bool second = lane & distance;
      low[lane] = second ? kVectorFloats + lane - distance : lane;
      high[lane] = second ? kVectorFloats + lane : lane + distance;
    }
#pragma GCC unroll 16
    for (int row = 0; row < kVectorFloats; row++) {
      if (row & distance) continue;
      const Vector upper = rows[row], lower = rows[row + distance];
      rows[row] = shuffle(upper, lower, low);
      rows[row + distance] = shuffle(upper, lower, high);
    }
  }
}

}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
