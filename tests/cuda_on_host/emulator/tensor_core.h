// Matrix products of a warp.
#pragma once

#include <cstdint>
#include <cstring>

#include "environment.h"
#include "synchronisation.h"

namespace cuda_on_host {

struct MatrixArguments {
  float* d;           // 4 values
  const uint32_t* a;  // 4 registers of two 16-bit values
  const uint32_t* b;  // 2 registers
};

// Element `number` of 16-bit values in registers.
template <class Half>
CUDA_ON_HOST_UNWATCHED float element_of(const uint32_t* registers, int number) {
  Half value;
  std::memcpy(static_cast<void*>(&value), reinterpret_cast<const char*>(registers) + 2 * number, 2);
  return static_cast<float>(value);
}

// Puts the lanes' fragments together as the PTX manual lays them out for mma.m16n8k16, multiplies, and gives every lane
// its four results: lane = 4 * row + pair.
template <class Half>
CUDA_ON_HOST_UNWATCHED void multiply_16x8x16(void* const* arguments, unsigned /*mask*/) {
  float a[16][16], b[16][8];
  for (int lane = 0; lane < 32; ++lane) {
    const auto& mine = *static_cast<const MatrixArguments*>(arguments[lane]);
    const int row = lane / 4, pair = lane % 4;
    for (int i = 0; i < 8; ++i) a[row + i / 2 % 2 * 8][2 * pair + i % 2 + i / 4 * 8] = element_of<Half>(mine.a, i);
    for (int i = 0; i < 4; ++i) b[2 * pair + i % 2 + i / 2 * 8][row] = element_of<Half>(mine.b, i);
  }
  for (int lane = 0; lane < 32; ++lane) {
    auto& mine = *static_cast<MatrixArguments*>(arguments[lane]);
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8, column = 2 * (lane % 4) + i % 2;
      double sum = mine.d[i];
      for (int k = 0; k < 16; ++k) sum += static_cast<double>(a[row][k]) * b[k][column];
      mine.d[i] = static_cast<float>(sum);
    }
  }
}

// d[16, 8] += a[16, 16] b[16, 8], for Half = __half or __nv_bfloat16, over a whole warp.
template <class Half>
void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], CUDA_ON_HOST_PLACE) {
  MatrixArguments arguments{d, a, b};
  warp_operation(0xffffffffu, &arguments, multiply_16x8x16<Half>, "mma.m16n8k16", file, line);
}

}  // namespace cuda_on_host
