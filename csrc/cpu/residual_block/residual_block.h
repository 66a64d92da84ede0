// What the residual block's kernels take: plain pointers and sizes. Every variant implements the same functions.
//
// Inside, images are "pixels": float32 [N, H, W, P], where P is the number of channels rounded up to kChannelMultiple.
// The channels added are zero.
#pragma once

#include <cstdint>

#include "cpu/runtime/parallel.h"

namespace i2i::cpu {

constexpr int64_t kChannelMultiple = 16;

inline int64_t padded_channels(int64_t channels) {
  return (channels + kChannelMultiple - 1) / kChannelMultiple * kChannelMultiple;
}

struct BlockShape {
  int64_t batch, channels, height, width;

  int64_t pixels() const { return height * width; }
  int64_t padded() const { return padded_channels(channels); }
  int64_t floats() const { return batch * pixels() * padded(); }  // of one tensor of pixels
  int64_t planes() const { return batch * padded(); }             // of one row of statistics
};

// A caller's tensor [N, C, H, W]: dense in the order N, C, H, W or (channels_last) N, H, W, C.
struct Image {
  void* data;
  bool channels_last;
  bool bfloat16;  // else float32
};

// Optional scale and shift [C] of an instance norm; null where there is none.
struct Affine {
  const float* weight;
  const float* bias;
};

// Which filters: weight [K, C, 3, 3] as it is applied to C channels, or transposed, as it brings gradients back to
// them.
enum class Direction { kForward, kBackward };

struct ResidualBlockForward {
  BlockShape shape;
  int tile;               // 4 or 6: outputs of a Winograd tile in each dimension; filters are packed for one of them
  const float* x;         // pixels
  const float* filters1;  // packed, forward
  const float* filters2;
  Affine norm1, norm2;
  float eps;
  float* y1;          // pixels: outputs of the convolutions, before their norms, up to a constant a channel
  float* y2;          // may be `out`, where that is float32, channels_last and needs no padding
  float* statistics;  // [4, N, P]: mean and reciprocal deviation of y1, then of y2
  Image out;
};

struct ResidualBlockBackward {
  BlockShape shape;
  const float* gradient;  // pixels, of the output
  const float* x;         // pixels
  const float* y1;        // as the forward pass left them
  const float* y2;
  const float* statistics;
  const float* filters1;  // packed for tile 4, backward
  const float* filters2;
  Affine norm1, norm2;
  Image dx;
  float* dweight1;  // [C, C, 3, 3], or null: then the gradients of weights are not computed
  float* dweight2;
  float* dnorm_weight1;  // [C] each, or null
  float* dnorm_bias1;
  float* dnorm_weight2;
  float* dnorm_bias2;
};

struct ResidualBlockKernels {
  // Writes an image as pixels.
  void (*to_pixels)(const BlockShape&, const Image&, float* pixels, const Parallel&);
  // The number of floats of packed filters, and the packing of weight [C, C, 3, 3].
  int64_t (*packed_floats)(int64_t channels, int tile);
  void (*pack_filters)(const float* weight, int64_t channels, int tile, Direction, float* packed, const Parallel&);
  void (*forward)(const ResidualBlockForward&, const Parallel&);
  void (*backward)(const ResidualBlockBackward&, const Parallel&);
};

}  // namespace i2i::cpu
