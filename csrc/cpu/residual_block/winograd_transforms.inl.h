// The transforms of Winograd's minimal filtering F(m x m, 3 x 3) (Lavin and Gray, "Fast Algorithms for Convolutional
// Neural Networks", CVPR 2016, sections 4.1 to 4.3), one dimension at a time.
//
// A tile of m x m outputs of a 3x3 correlation is  Y = A^T [ (G g G^T) * (B^T d B) ] A  with a product per point in the
// middle. The gradients are the transposes of the same maps:
//   dM = A dY A^T,   dd = B (U * dM) B^T,   dg = G^T (V * dM) G,   where U = G g G^T and V = B^T d B.
#pragma once

#include "cpu/runtime/vector.inl.h"

namespace i2i::cpu {
namespace I2I_VARIANT {

template <int Tile>
struct Winograd;

// Interpolation points 0, 1, -1, 2, -2 and infinity.
template <>
struct Winograd<4> {
  static constexpr int kTile = 4, kSide = 6, kPoints = kSide * kSide;

  // B^T d
  static I2I_INLINE void input(const Vector d[6], Vector v[6]) {
    v[0] = 4.f * d[0] + (d[4] - 5.f * d[2]);
    const Vector even = d[4] - 4.f * d[2], odd = d[3] - 4.f * d[1];
    v[1] = even + odd;
    v[2] = even - odd;
    const Vector even2 = d[4] - d[2], odd2 = 2.f * (d[3] - d[1]);
    v[3] = even2 + odd2;
    v[4] = even2 - odd2;
    v[5] = 4.f * d[1] + (d[5] - 5.f * d[3]);
  }

  // B v
  static I2I_INLINE void input_transposed(const Vector v[6], Vector d[6]) {
    const Vector sum = v[1] + v[2], difference = v[2] - v[1], sum2 = v[3] + v[4], difference2 = v[4] - v[3];
    d[0] = 4.f * v[0];
    d[1] = 4.f * (difference + v[5]) + 2.f * difference2;
    d[2] = -5.f * v[0] - 4.f * sum - sum2;
    d[3] = -5.f * v[5] - difference - 2.f * difference2;
    d[4] = v[0] + sum + sum2;
    d[5] = v[5];
  }

  // A^T m
  static I2I_INLINE void output(const Vector m[6], Vector y[4]) {
    const Vector sum = m[1] + m[2], difference = m[1] - m[2], sum2 = m[3] + m[4], difference2 = m[3] - m[4];
    y[0] = m[0] + (sum + sum2);
    y[1] = difference + 2.f * difference2;
    y[2] = sum + 4.f * sum2;
    y[3] = m[5] + (difference + 8.f * difference2);
  }

  // A y
  static I2I_INLINE void output_transposed(const Vector y[4], Vector m[6]) {
    const Vector even = y[0] + y[2], odd = y[1] + y[3], even2 = y[0] + 4.f * y[2], odd2 = 2.f * y[1] + 8.f * y[3];
    m[0] = y[0];
    m[1] = even + odd;
    m[2] = even - odd;
    m[3] = even2 + odd2;
    m[4] = even2 - odd2;
    m[5] = y[3];
  }

  // G g
  static I2I_INLINE void filter(const Vector g[3], Vector u[6]) {
    const Vector ends = (g[0] + g[2]) * (1 / 6.f), middle = g[1] * (1 / 6.f);
    u[0] = 0.25f * g[0];
    u[1] = -ends - middle;
    u[2] = middle - ends;
    const Vector ends2 = g[0] * (1 / 24.f) + g[2] * (1 / 6.f), middle2 = g[1] * (1 / 12.f);
    u[3] = ends2 + middle2;
    u[4] = ends2 - middle2;
    u[5] = g[2];
  }

  // G^T u
  static I2I_INLINE void filter_transposed(const Vector u[6], Vector g[3]) {
    const Vector sum = u[1] + u[2], difference = u[2] - u[1], sum2 = u[3] + u[4], difference2 = u[3] - u[4];
    g[0] = 0.25f * u[0] - (1 / 6.f) * sum + (1 / 24.f) * sum2;
    g[1] = (1 / 6.f) * difference + (1 / 12.f) * difference2;
    g[2] = u[5] + (1 / 6.f) * (sum2 - sum);
  }
};

// Interpolation points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity: fewer products, about twice the rounding error.
template <>
struct Winograd<6> {
  static constexpr int kTile = 6, kSide = 8, kPoints = kSide * kSide;

  // B^T d
  static I2I_INLINE void input(const Vector d[8], Vector v[8]) {
    v[0] = (d[0] - d[6]) + 5.25f * (d[4] - d[2]);
    v[7] = (d[7] - d[1]) + 5.25f * (d[3] - d[5]);
    Vector even = d[2] + d[6] - 4.25f * d[4], odd = d[1] + d[5] - 4.25f * d[3];
    v[1] = even + odd;
    v[2] = even - odd;
    even = d[6] + 0.25f * d[2] - 1.25f * d[4];
    odd = 0.5f * d[1] - 2.5f * d[3] + 2.f * d[5];
    v[3] = even + odd;
    v[4] = even - odd;
    even = d[6] + 4.f * d[2] - 5.f * d[4];
    odd = 2.f * d[1] - 2.5f * d[3] + 0.5f * d[5];
    v[5] = even + odd;
    v[6] = even - odd;
  }

  // A^T m
  static I2I_INLINE void output(const Vector m[8], Vector y[6]) {
    const Vector sum = m[1] + m[2], difference = m[1] - m[2];
    const Vector sum2 = m[3] + m[4], difference2 = m[3] - m[4];
    const Vector sum_half = m[5] + m[6], difference_half = m[5] - m[6];
    y[0] = m[0] + sum + (sum2 + sum_half);
    y[1] = difference + 2.f * difference2 + 0.5f * difference_half;
    y[2] = sum + 4.f * sum2 + 0.25f * sum_half;
    y[3] = difference + 8.f * difference2 + 0.125f * difference_half;
    y[4] = sum + 16.f * sum2 + 0.0625f * sum_half;
    y[5] = m[7] + difference + (32.f * difference2 + 0.03125f * difference_half);
  }

  // G g
  static I2I_INLINE void filter(const Vector g[3], Vector u[8]) {
    const Vector ends = (g[0] + g[2]) * (-2 / 9.f), middle = g[1] * (-2 / 9.f);
    u[0] = g[0];
    u[1] = ends + middle;
    u[2] = ends - middle;
    const Vector ends2 = g[0] * (1 / 90.f) + g[2] * (2 / 45.f), middle2 = g[1] * (1 / 45.f);
    u[3] = ends2 + middle2;
    u[4] = ends2 - middle2;
    const Vector ends_half = g[0] * (32 / 45.f) + g[2] * (8 / 45.f), middle_half = g[1] * (16 / 45.f);
    u[5] = ends_half + middle_half;
    u[6] = ends_half - middle_half;
    u[7] = g[2];
  }
};

}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
