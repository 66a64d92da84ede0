// What the kernels of instance norm take: plain pointers and sizes. Every variant implements the same two functions.
//
// Forward:   out = reflection_pad(after((x - mean) * rstd * weight + bias)), statistics of each (n, c) plane
// Backward:  the gradients of x, weight, bias and of what was added
#pragma once

#include <cstdint>

#include "cpu/runtime/parallel.h"

namespace i2i::cpu {

// What happens to the normalised values before they are padded.
enum class AfterNorm { kNothing, kRelu, kLeakyRelu, kAddSkip };

struct NormShape {
  int64_t batch, channels, height, width;
  int64_t pad;         // rows and columns of reflection on each side of the output; less than height and width
  bool channels_last;  // every image is dense in the order N, H, W, C; else in the order N, C, H, W
  bool bfloat16;       // every image; else float32. Statistics, weights and their gradients are float32.
};

struct InstanceNormForward {
  NormShape shape;
  AfterNorm after;
  float negative_slope;  // of kLeakyRelu
  double eps;            // added to the variance
  const void* x;
  const void* skip;     // for kAddSkip: as large as x
  const float* weight;  // [C], or null for ones
  const float* bias;    // [C], or null for zeros
  void* out;            // [N, C, H + 2 pad, W + 2 pad]
  float* mean;          // [N, C]
  float* rstd;          // [N, C]: 1 / sqrt(variance + eps)
};

struct InstanceNormBackward {
  NormShape shape;
  AfterNorm after;
  float negative_slope;
  const void* gradient;  // of the output: [N, C, H + 2 pad, W + 2 pad]
  const void* x;
  const float* weight;  // [C], or null
  const float* bias;    // [C], or null
  const float* mean;    // [N, C], as the forward pass wrote them
  const float* rstd;
  void* dx;
  void* dskip;     // for kAddSkip
  float* dweight;  // [C], or null
  float* dbias;    // [C], or null
};

struct InstanceNormKernels {
  void (*forward)(const InstanceNormForward&, const Parallel&);
  void (*backward)(const InstanceNormBackward&, const Parallel&);
};

}  // namespace i2i::cpu
