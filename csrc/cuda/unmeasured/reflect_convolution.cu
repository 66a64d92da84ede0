#include "cuda/unmeasured/reflect_convolution.cuh"

#include "cuda/runtime/launch.cuh"

namespace i2i::cuda {

namespace {

template <class T>
size_t shared_bytes_of(const Shape& shape, bool normalised) {
  return sizeof(ConvolutionMemory<T>) + (normalised ? 3 * sizeof(float) * shape.channels : 0);
}

template <class T, bool NORMALISED>
int launch_as(const ConvolutionArguments& arguments, void* stream) {
  const Shape& shape = arguments.shape;
  const dim3 grid(static_cast<unsigned>(shape.batch * tiles(shape)),
                  static_cast<unsigned>(divided_up(shape.channels, kTileFilters)));
  const size_t shared = shared_bytes_of<T>(shape, NORMALISED);
  const bool wide = shape.channels_last && shape.channels % kRun<T> == 0 && on_boundary(arguments.x) &&
                    on_boundary(arguments.weight) && on_boundary(arguments.out);
  if (wide)
    return launch(reflect_convolution<T, NORMALISED, kRun<T>>, grid, kConvolutionThreads, shared, stream, arguments);
  return launch(reflect_convolution<T, NORMALISED, 1>, grid, kConvolutionThreads, shared, stream, arguments);
}

template <class T>
int launch_of_type(const ConvolutionArguments& arguments, void* stream) {
  return arguments.tile_moments != nullptr ? launch_as<T, true>(arguments, stream)
                                           : launch_as<T, false>(arguments, stream);
}

}  // namespace

size_t reflect_convolution_shared_bytes(const Shape& shape, bool normalised) {
  return shared_bytes_of<__half>(shape, normalised);  // as much for bfloat16
}

int compute_capability() {
  int device = 0, major = 0, minor = 0;
  if (cudaGetDevice(&device) != cudaSuccess ||
      cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) != cudaSuccess ||
      cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  return 10 * major + minor;
}

int launch_reflect_convolution(const ConvolutionArguments& arguments, void* stream) {
  if (arguments.shape.planes() == 0) return 0;
  if (arguments.shape.type == Type::float32) return cudaErrorInvalidValue;
  return arguments.shape.type == Type::float16 ? launch_of_type<__half>(arguments, stream)
                                               : launch_of_type<__nv_bfloat16>(arguments, stream);
}

int launch_tile_statistics(const TileStatisticsArguments& arguments, void* stream) {
  const int64_t planes = arguments.shape.planes();
  if (planes == 0) return 0;
  return launch(combine_tile_moments, dim3(divided_up(planes, kSplitThreads)), kSplitThreads, 0, stream, arguments);
}

}  // namespace i2i::cuda
