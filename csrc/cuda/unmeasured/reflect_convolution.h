// A 3x3 convolution with reflection padding on tensor cores, which normalises what it reads and takes the statistics of
// what it writes: half a residual block in one launch. float16 and bfloat16 alone. Plain pointers and sizes.
#pragma once

#include "cuda/runtime/arguments.h"
#include "cuda/runtime/plan.h"

namespace i2i::cuda {

// What one block computes: kTileHeight x kTileWidth pixels of kTileFilters channels of the result.
constexpr int kTileHeight = 8, kTileWidth = 16, kTileFilters = 64;

inline int tiles_down(const Shape& shape) { return divided_up(shape.height, kTileHeight); }
inline int tiles_across(const Shape& shape) { return divided_up(shape.width, kTileWidth); }
inline int64_t tiles(const Shape& shape) { return static_cast<int64_t>(tiles_down(shape)) * tiles_across(shape); }

// Mean and sum of squared distances from it, of every tile of every plane of a result: [2][tiles][batch][channels].
inline int64_t tile_moments_floats(const Shape& shape) { return 2 * tiles(shape) * shape.planes(); }

// out = convolution(reflection pad by 1(x)), or of relu((x - mean) * rstd * norm_weight + norm_bias) in the place of x.
struct ConvolutionArguments {
  Shape shape;  // of x and of out, which has as many channels; padding is 1, height and width are at least 2
  const void* x;
  const void* weight;         // [channels of out, 3, 3, channels of x], of x's type
  const float* tile_moments;  // of x, as the call that made x wrote them: x is normalised; null: it is taken as it is
  const float* norm_weight;   // [channels] or null
  const float* norm_bias;     // [channels] or null
  float eps;
  float* mean;  // [batch, channels], of x: written where x is normalised
  float* rstd;
  void* out;                // lies as x does
  float* out_tile_moments;  // of out's values as they are stored
};

// mean and rstd, [batch, channels] each, from the tiles' moments.
struct TileStatisticsArguments {
  Shape shape;
  const float* tile_moments;
  float eps;
  float* mean;
  float* rstd;
};

// Bytes of shared memory that a block needs, which the device may not have for many channels that are normalised.
size_t reflect_convolution_shared_bytes(const Shape& shape, bool normalised);

// Of the current device, 80 for compute capability 8.0; 0 when the device cannot be asked. Tensor cores multiply
// float16 from 75 on, bfloat16 from 80 on.
int compute_capability();

// As in launchers.h: 0 or the code of the launch error.
int launch_reflect_convolution(const ConvolutionArguments& arguments, void* stream);
int launch_tile_statistics(const TileStatisticsArguments& arguments, void* stream);

}  // namespace i2i::cuda
