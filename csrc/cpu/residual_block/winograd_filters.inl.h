// Filters in the form that the products read them: transformed, and packed in the order of use.
//
// The columns (output channels) come in blocks of kBlock. A block holds one matrix [reduction, columns] for each point,
// and a matrix is cut into panels kPanelVectors vectors wide (the last one may be one vector wide), each of them
// contiguous: [block][point][panel][reduction][columns of the panel].
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "cpu/residual_block/residual_block.h"
#include "cpu/residual_block/winograd_transforms.inl.h"

namespace i2i::cpu {
namespace I2I_VARIANT {

constexpr int64_t kBlock = 64;
constexpr int kPanelVectors = 2;
constexpr int64_t kPanel = kPanelVectors * kVectorFloats;
static_assert(kBlock % kPanel == 0 && kChannelMultiple % kVectorFloats == 0);

// Where the matrix of a point begins, for the block of columns that begins at `block`.
template <class W>
inline int64_t filter_offset(int64_t channels, int64_t block, int64_t point) {
  const int64_t columns = std::min(kBlock, padded_channels(channels) - block);
  return block * W::kPoints * channels + point * channels * columns;
}

inline int64_t packed_floats(int64_t channels, int tile) {
  const int64_t points = (tile + 2) * (tile + 2);
  return points * channels * padded_channels(channels) + 1024;  // read ahead of by the last panel's prefetch
}

// G g G^T of kVectorFloats filters at once; taps is [9][kVectorFloats], points go to `to` that are `stride` apart.
template <class W>
I2I_INLINE void transform_filter(const float* taps, float* to, int64_t stride) {
  Vector rows[W::kSide][3];
  for (int column = 0; column < 3; column++) {
    const Vector g[3] = {load(taps + column * kVectorFloats), load(taps + (3 + column) * kVectorFloats),
                         load(taps + (6 + column) * kVectorFloats)};
    Vector u[W::kSide];
    W::filter(g, u);
    for (int i = 0; i < W::kSide; i++) rows[i][column] = u[i];
  }
  for (int i = 0; i < W::kSide; i++) {
    Vector u[W::kSide];
    W::filter(rows[i], u);
    for (int j = 0; j < W::kSide; j++) store(to + (i * W::kSide + j) * stride, u[j]);
  }
}

template <class W>
void pack_filters_for(const float* weight, int64_t channels, Direction direction, float* packed,
                      const Parallel& parallel) {
  // weight is [K, C, 3, 3]; forward reduces over C and has a column for each k, backward the other way round.
  const int64_t reduction_stride = direction == Direction::kForward ? 9 : 9 * channels;
  const int64_t column_stride = direction == Direction::kForward ? 9 * channels : 9;
  const int64_t padded = padded_channels(channels);
  constexpr int64_t kStep = 16;  // rows at a time, so that a cache line of weights is used whole
  const int64_t row_steps = (channels + kStep - 1) / kStep;

  parallel(padded / kVectorFloats * row_steps, [&](int64_t begin, int64_t end) {
    alignas(64) float taps[9 * kVectorFloats] = {};
    for (int64_t item = begin; item < end; item++) {
      const int64_t column = item / row_steps * kVectorFloats, first = item % row_steps * kStep;
      const int64_t block = column / kBlock * kBlock, columns = std::min(kBlock, padded - block);
      const int64_t panel = (column - block) / kPanel * kPanel, panel_width = std::min(kPanel, columns - panel);
      const int64_t filled = std::clamp<int64_t>(channels - column, 0, kVectorFloats);
      float* to = packed + filter_offset<W>(channels, block, 0) + panel * channels + (column - block - panel);
      for (int64_t row = first; row < std::min(first + kStep, channels); row++) {
        for (int64_t lane = 0; lane < kVectorFloats; lane++) {
          const float* from = weight + row * reduction_stride + (column + lane) * column_stride;
          for (int tap = 0; tap < 9; tap++) taps[tap * kVectorFloats + lane] = lane < filled ? from[tap] : 0.f;
        }
        transform_filter<W>(taps, to + row * panel_width, channels * columns);
      }
    }
  });
}

inline void pack_filters(const float* weight, int64_t channels, int tile, Direction direction, float* packed,
                         const Parallel& parallel) {
  tile == 6 ? pack_filters_for<Winograd<6>>(weight, channels, direction, packed, parallel)
            : pack_filters_for<Winograd<4>>(weight, channels, direction, packed, parallel);
}

}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
