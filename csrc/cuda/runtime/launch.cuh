// Choosing a kernel's instance by type, layout and alignment, and launching it.
#pragma once

#include <initializer_list>
#include <type_traits>

#include "cuda/runtime/elements.cuh"
#include "cuda/runtime/launchers.h"

namespace i2i::cuda {

// Launches a kernel and returns the error of doing so, which is not left behind for others.
template <class... Parameters, class... Arguments>
int launch(void (*kernel)(Parameters...), dim3 grid, unsigned threads, size_t shared, void* stream,
           const Arguments&... arguments) {
  const size_t asked = shared_bytes_to_ask_for(shared, shared_memory_limit);
#ifdef I2I_CUDA_ON_HOST
  return cuda_on_host::launch_checked(kernel, grid, dim3(threads), shared, asked, stream, arguments...);
#else
  if (asked != 0) {  // for this kernel on this device; it costs no synchronisation
    const cudaError_t error =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(asked));
    if (error != cudaSuccess) {
      cudaGetLastError();
      return error;
    }
  }
  kernel<<<grid, threads, shared, static_cast<cudaStream_t>(stream)>>>(arguments...);
  return cudaGetLastError();
#endif
}

// Calls call(T{}) with the C++ type of a tensor's elements.
template <class Call>
int with_type(Type type, const Call& call) {
  switch (type) {
    case Type::float32:
      return call(float{});
    case Type::float16:
      return call(__half{});
    default:
      return call(__nv_bfloat16{});
  }
}

inline bool on_boundary(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

// Calls call(T{}, integral constant WIDTH) for channels_last tensors: 16 bytes where every pixel's channels start at a
// multiple of 16 bytes in all tensors, else one channel. A null pointer is no tensor.
template <class Call>
int with_width(const Shape& shape, std::initializer_list<const void*> tensors, const Call& call) {
  bool wide = shape.channels * bytes_of(shape.type) % 16 == 0;
  for (const void* tensor : tensors) wide = wide && on_boundary(tensor);
  return with_type(shape.type, [&](auto zero) {
    using T = decltype(zero);
    if (wide) return call(zero, std::integral_constant<int, kRun<T>>{});
    return call(zero, std::integral_constant<int, 1>{});
  });
}

// Planes x blocks, or samples * groups of channels x blocks for a thread of `width` channels.
inline dim3 grid_of(const Shape& shape, int blocks, int width) {
  int64_t columns = shape.planes();
  if (shape.channels_last) columns = shape.batch * divided_up(shape.channels, lanes_of(width) * width);
  return dim3(static_cast<unsigned>(columns), static_cast<unsigned>(blocks));
}

}  // namespace i2i::cuda
