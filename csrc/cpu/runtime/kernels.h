// What every variant of the CPU kernels offers, as plain functions of pointers and sizes. Knows no torch.
#pragma once

#include "cpu/image_convolution/image_convolution.h"
#include "cpu/instance_norm/instance_norm.h"
#include "cpu/residual_block/residual_block.h"
#include "cpu/runtime/parallel.h"

namespace i2i::cpu {

// One set of kernels, compiled for one instruction set.
struct Kernels {
  const char* name;   // avx512, avx2 or portable: what I2I_CPU chooses by
  int vector_floats;  // floats in a register
  ImageConvolutionKernels image_convolution;
  InstanceNormKernels instance_norm;
  ResidualBlockKernels residual_block;
};

// nullptr where the compiler could not make the variant.
const Kernels* avx512_kernels();
const Kernels* avx2_kernels();
const Kernels* portable_kernels();

}  // namespace i2i::cpu
