// The kernels for the 512-bit registers of AVX-512.
#include "cpu/runtime/kernels.h"
#include "cpu/runtime/standard_headers.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)

// After every header that other files include too: code that is shared must not need these instructions.
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")
#define I2I_VARIANT avx512
#define I2I_VECTOR_FLOATS 16

#include "cpu/image_convolution/image_convolution.inl.h"
#include "cpu/instance_norm/instance_norm.inl.h"
#include "cpu/residual_block/residual_block.inl.h"

#pragma GCC pop_options

namespace i2i::cpu {

const Kernels* avx512_kernels() {
  static const Kernels kernels{
      .name = "avx512",
      .vector_floats = I2I_VECTOR_FLOATS,
      .image_convolution = avx512::kImageConvolution,
      .instance_norm = avx512::kInstanceNorm,
      .residual_block = avx512::kResidualBlock,
  };
  return &kernels;
}

}  // namespace i2i::cpu

#else

namespace i2i::cpu {

const Kernels* avx512_kernels() { return nullptr; }

}  // namespace i2i::cpu

#endif
