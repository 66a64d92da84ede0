// The product of small matrices that a warp's tensor cores compute, with accumulation in float32.
#pragma once

#include <cstring>

#include "cuda/runtime/elements.cuh"

namespace i2i::cuda {

// Two 16-bit values in a register; the first lies in the lower half.
template <class T>
__device__ __forceinline__ uint32_t register_of(const T* pair) {
  const Packed<T, 2> values = *reinterpret_cast<const Packed<T, 2>*>(pair);
  uint32_t bits;
  static_assert(sizeof(bits) == sizeof(values), "two values of 16 bits");
  memcpy(&bits, &values, sizeof(bits));
  return bits;
}

// d[16, 8] += a[16, 16] b[16, 8] by all lanes of a warp. Lane 4 * i + j holds
//   of a: rows i and i + 8 of columns 2j, 2j + 1, then rows i and i + 8 of columns 2j + 8, 2j + 9;
//   of b: rows 2j, 2j + 1, then rows 2j + 8, 2j + 9 of column i;
//   of d: columns 2j, 2j + 1 of row i, then of row i + 8
// (PTX ISA, "Matrix Fragments for mma.m16n8k16").
template <class T>
__device__ __forceinline__ void multiply_add(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);

#ifdef I2I_CUDA_ON_HOST

template <class T>
inline void multiply_add(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  cuda_on_host::mma_m16n8k16<T>(d, a, b);
}

#else

template <>
__device__ __forceinline__ void multiply_add<__half>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  // Turing multiplies half as deep: the left half of a with the upper half of b, then the other halves.
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
  }
#endif
}

template <>
__device__ __forceinline__ void multiply_add<__nv_bfloat16>(float (&d)[4], const uint32_t (&a)[4],
                                                            const uint32_t (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  // Turing has no bfloat16; the host side refuses before it comes to this.
  (void)d, (void)a, (void)b;
  __trap();
#endif
}

#endif

}  // namespace i2i::cuda
