// The kernels for any processor: four floats a register, which the compiler maps to what there is.
#include "cpu/runtime/kernels.h"
#include "cpu/runtime/standard_headers.h"

#define I2I_VARIANT portable
#define I2I_VECTOR_FLOATS 4

#include "cpu/image_convolution/image_convolution.inl.h"
#include "cpu/instance_norm/instance_norm.inl.h"
#include "cpu/residual_block/residual_block.inl.h"

namespace i2i::cpu {

const Kernels* portable_kernels() {
  static const Kernels kernels{
      .name = "portable",
      .vector_floats = I2I_VECTOR_FLOATS,
      .image_convolution = portable::kImageConvolution,
      .instance_norm = portable::kInstanceNorm,
      .residual_block = portable::kResidualBlock,
  };
  return &kernels;
}

}  // namespace i2i::cpu
