// What the device code needs from its surroundings: CUDA's headers, or the emulator of tests/cuda_on_host, under which
// a C++ compiler runs the same sources on the CPU.
#pragma once

#include <cstdint>

#ifdef I2I_CUDA_ON_HOST

#include "cuda_on_host.h"

#define I2I_DYNAMIC_SHARED(name) unsigned char* const name = cuda_on_host::dynamic_shared_memory()
#define I2I_COUNT_READ(pointer, bytes) cuda_on_host::count_read(pointer, bytes)
#define I2I_COUNT_WRITE(pointer, bytes) cuda_on_host::count_write(pointer, bytes)

#else

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

// The block's shared memory whose size the launch gives, as bytes, aligned to 16.
#define I2I_DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
// The emulator counts what is read from and written to global memory; a device does not.
#define I2I_COUNT_READ(pointer, bytes)
#define I2I_COUNT_WRITE(pointer, bytes)

#endif
