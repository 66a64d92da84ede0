// What the kernels of convolutions between an image and features take: plain pointers and sizes.
//
// A generator's first convolution makes many channels of three, its last one three of many. Such a convolution and its
// gradients are three products of a "narrow" side, 1 to kMaxNarrow channels, with a "wide" side:
//   expand   wide[p, c]    = sum over taps t and j of narrow[p + t, j] * weight[t, j, c]
//   reduce   narrow[p, j]  = sum over taps t and c of wide[p + t, c] * weight[t, j, c]
//   outer    weight[t, j, c] = sum over p of narrow[p + t, j] * wide[p, c], or of narrow[p, j] * wide[p + t, c]
// All images are pixels, float32 [N, H, W, channels]; weights are [k, k, narrow, wide], k odd or even.
#pragma once

#include <cstdint>

#include "cpu/runtime/parallel.h"

namespace i2i::cpu {

constexpr int64_t kMaxNarrow = 4;
constexpr int64_t kWideMultiple = 16;

struct ImageConvolution {
  int64_t batch, height, width;  // of the output of a valid convolution; its input is k - 1 larger
  int64_t narrow, wide;          // channels; wide is a multiple of kWideMultiple
  int64_t kernel;                // k
};

struct ImageConvolutionKernels {
  // narrow [N, H + k - 1, W + k - 1, narrow] to wide [N, H, W, wide]; bias [wide] or null.
  void (*expand)(const ImageConvolution&, const float* narrow, const float* weight, const float* bias, float* wide,
                 const Parallel&);
  // wide [N, H + k - 1, W + k - 1, wide] to narrow [N, H, W, narrow]; bias [narrow] or null.
  void (*reduce)(const ImageConvolution&, const float* wide, const float* weight, const float* bias, float* narrow,
                 const Parallel&);
  // The weight's gradient. The input, k - 1 larger than the other side, is the narrow side or else the wide one.
  void (*outer)(const ImageConvolution&, const float* narrow, const float* wide, bool narrow_is_input, float* weight,
                const Parallel&);
};

}  // namespace i2i::cpu
