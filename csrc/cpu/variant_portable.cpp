// The kernels for any processor: four floats a register, which the compiler maps to what there is.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu/kernels.h"

#define I2I_VARIANT portable
#define I2I_VECTOR_FLOATS 4

#include "cpu/vector.inl.h"

namespace i2i::cpu {

const Kernels* portable_kernels() {
  static const Kernels kernels{
      .name = "portable",
      .vector_floats = I2I_VECTOR_FLOATS,
  };
  return &kernels;
}

}  // namespace i2i::cpu
