// The matrix products in the middle of the Winograd transforms. Both keep a tile of results in registers, a few rows
// high and kPanelVectors vectors wide, and stream the rest past it.
//
// Transformed tiles lie in slabs: [panel of kSlab channels][tile][kSlab], so that a product reads whole cache lines
// whether it reduces over channels or over tiles.
#pragma once

#include <cstdint>

#include "cpu/residual_block/winograd_filters.inl.h"

namespace i2i::cpu {
namespace I2I_VARIANT {

constexpr int64_t kChunk = 16;                          // tiles that are transformed and multiplied together
constexpr int64_t kSlab = 32;                           // channels side by side
constexpr int64_t kSlabFloats = kChunk * kSlab;         // from one slab to the next
constexpr int kMaxRows = kVectorFloats == 16 ? 14 : 6;  // results and operands fill 32 or 16 registers

// result[Rows, Vectors] = left[Rows, depth] right[depth, Vectors]; left is in slabs, its rows are tiles.
template <int Rows, int Vectors>
__attribute__((noinline)) void product(const float* left, const float* right, int64_t depth, float* result,
                                       int64_t result_stride) {
  constexpr int64_t kWidth = Vectors * kVectorFloats;
  Vector sums[Rows][Vectors] = {};
  const float* next = right + depth * kWidth;  // the panel after this one, wanted soon
  for (int64_t slab = 0; slab < depth; slab += kSlab, left += kSlabFloats) {
    const int64_t steps = std::min(kSlab, depth - slab);
    for (int64_t k = 0; k < steps; k++) {
      Vector factors[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; v++) factors[v] = load(right + v * kVectorFloats);
#pragma GCC unroll 4
      for (int64_t ahead = 0; ahead < kWidth; ahead += 16) __builtin_prefetch(next + ahead, 0, 2);
#pragma GCC unroll 16
      for (int row = 0; row < Rows; row++) {
        const float factor = left[row * kSlab + k];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; v++) sums[row][v] += factors[v] * factor;
      }
      right += kWidth;
      next += kWidth;
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < Rows; row++) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; v++) store(result + row * result_stride + v * kVectorFloats, sums[row][v]);
  }
}

using Product = void (*)(const float*, const float*, int64_t, float*, int64_t);

// product<Rows, Vectors> for a number of rows known at run time.
template <int Vectors, int Rows = kMaxRows>
inline Product product_of(int64_t rows) {
  if constexpr (Rows == 1) {
    return product<1, Vectors>;
  } else {
    return rows == Rows ? product<Rows, Vectors> : product_of<Vectors, Rows - 1>(rows);
  }
}

// All rows of a chunk times one panel, in register tiles of nearly equal height.
template <int Vectors>
inline void multiply_panel(const float* left, int64_t tiles, const float* panel, int64_t depth, float* result,
                           int64_t result_stride) {
  const int64_t parts = (tiles + kMaxRows - 1) / kMaxRows;
  for (int64_t part = 0, row = 0; part < parts; part++) {
    const int64_t end = tiles * (part + 1) / parts;
    product_of<Vectors>(end - row)(left + row * kSlab, panel, depth, result + row * result_stride, result_stride);
    row = end;
  }
}

// result[tiles, columns] = left[tiles, depth] * one point's filters [depth, columns], packed in panels.
inline void multiply(const float* left, int64_t tiles, const float* filters, int64_t depth, int64_t columns,
                     float* result, int64_t result_stride) {
  int64_t column = 0;
  for (; column + kPanel <= columns; column += kPanel, filters += kPanel * depth) {
    multiply_panel<kPanelVectors>(left, tiles, filters, depth, result + column, result_stride);
  }
  for (; column < columns; column += kVectorFloats, filters += kVectorFloats * depth) {
    multiply_panel<1>(left, tiles, filters, depth, result + column, result_stride);
  }
}

constexpr int kGradientRows = kVectorFloats == 16 ? 8 : 4;
static_assert(kChannelMultiple % kGradientRows == 0);

// result[kGradientRows, Vectors] += left^T right, summed over the tiles of `chunks` chunks that lie chunk_stride apart.
// What is there already is added last, so that a sum over many bands is one of few numbers and keeps its digits.
template <int Vectors>
__attribute__((noinline)) void add_outer_products(const float* left, const float* right, int64_t chunk_stride,
                                                  const int64_t* tiles, int64_t chunks, float* result,
                                                  int64_t result_stride) {
  Vector sums[kGradientRows][Vectors] = {};
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    const float *left_row = left + chunk * chunk_stride, *right_row = right + chunk * chunk_stride;
    for (int64_t tile = 0; tile < tiles[chunk]; tile++, left_row += kSlab, right_row += kSlab) {
      __builtin_prefetch(right_row + kSlabFloats);  // the slab that the next panel reads
      __builtin_prefetch(right_row + kSlabFloats + 16);
      Vector factors[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; v++) factors[v] = load(right_row + v * kVectorFloats);
#pragma GCC unroll 8
      for (int row = 0; row < kGradientRows; row++) {
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; v++) sums[row][v] += factors[v] * left_row[row];
      }
    }
  }
#pragma GCC unroll 8
  for (int row = 0; row < kGradientRows; row++) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; v++) {
      float* to = result + row * result_stride + v * kVectorFloats;
      store(to, load(to) + sums[row][v]);
    }
  }
}

}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
