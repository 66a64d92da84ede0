// The kernels for the 256-bit registers of AVX2 with fused multiply-add.
#include "cpu/runtime/kernels.h"
#include "cpu/runtime/standard_headers.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)

// After every header that other files include too: code that is shared must not need these instructions.
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define I2I_VARIANT avx2
#define I2I_VECTOR_FLOATS 8

#include "cpu/image_convolution/image_convolution.inl.h"
#include "cpu/instance_norm/instance_norm.inl.h"
#include "cpu/residual_block/residual_block.inl.h"

#pragma GCC pop_options

namespace i2i::cpu {

const Kernels* avx2_kernels() {
  static const Kernels kernels{
      .name = "avx2",
      .vector_floats = I2I_VECTOR_FLOATS,
      .image_convolution = avx2::kImageConvolution,
      .instance_norm = avx2::kInstanceNorm,
      .residual_block = avx2::kResidualBlock,
  };
  return &kernels;
}

}  // namespace i2i::cpu

#else

namespace i2i::cpu {

const Kernels* avx2_kernels() { return nullptr; }

}  // namespace i2i::cpu

#endif
