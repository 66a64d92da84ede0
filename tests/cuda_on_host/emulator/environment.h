// How CUDA's words read to a C++ compiler, and which sanitizer this build has.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <vector_functions.h>
#include <vector_types.h>

#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __constant__
#undef __launch_bounds__
#undef __forceinline__
#define __global__
#define __device__
#define __host__
#define __constant__
#define __launch_bounds__(...)
#define __forceinline__ inline

#if defined(__SANITIZE_ADDRESS__)
#define CUDA_ON_HOST_ADDRESS_SANITIZER 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(__SANITIZE_THREAD__)
#define CUDA_ON_HOST_THREAD_SANITIZER 1
#include <sanitizer/tsan_interface.h>
// What switches fibers must not be watched itself.
#define CUDA_ON_HOST_UNWATCHED __attribute__((no_sanitize("thread"), noinline))
#else
#define CUDA_ON_HOST_UNWATCHED
#endif

#if defined(CUDA_ON_HOST_VALGRIND)
#include <valgrind/memcheck.h>
#endif

// A block runs on one thread of the operating system, so a thread_local variable exists once for every running block,
// which is what __shared__ means. AddressSanitizer puts no guards around thread_local variables: there the variable is
// static and one block runs at a time.
#ifdef CUDA_ON_HOST_ADDRESS_SANITIZER
#define __shared__ static
#else
#define __shared__ static thread_local
#endif
