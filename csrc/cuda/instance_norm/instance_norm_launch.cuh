// The launches of both instance norms: which kernels, over which grid, one after the other.
#pragma once

#include "cuda/instance_norm/instance_norm_backward_channels_last.cuh"
#include "cuda/instance_norm/instance_norm_backward_contiguous.cuh"
#include "cuda/instance_norm/instance_norm_forward_channels_last.cuh"
#include "cuda/instance_norm/instance_norm_forward_contiguous.cuh"
#include "cuda/runtime/launch.cuh"

namespace i2i::cuda {

template <class Epilogue>
int launch_forward(const ForwardArguments& arguments, const Plan& plan, const Epilogue& epilogue, void* stream) {
  const Shape& shape = arguments.shape;
  if (shape.planes() == 0) return 0;
  if (plan.path == Path::channels_last) {
    return with_width(shape, {arguments.x, arguments.skip, arguments.out}, [&](auto zero, auto width) {
      using T = decltype(zero);
      const dim3 grid = grid_of(shape, plan.splits, width);
      if (!arguments.statistics_given) {
        const int error = launch(channels_last_statistics<T, width()>, grid, plan.threads, 0, stream, arguments);
        if (error != 0) return error;
      }
      return launch(channels_last_apply<T, width(), Epilogue>, grid_of(shape, plan.writers, width), plan.threads, 0,
                    stream, arguments, epilogue, plan.splits);
    });
  }
  return with_type(shape.type, [&](auto zero) {
    using T = decltype(zero);
    const dim3 grid = grid_of(shape, plan.splits, 1);
    if (plan.path == Path::resident) {
      return launch(forward_resident<T, Epilogue>, grid, plan.threads, plan.shared_bytes, stream, arguments, epilogue);
    }
    if (!arguments.statistics_given) {
      const int error = launch(forward_statistics<T>, grid, plan.threads, 0, stream, arguments);
      if (error != 0) return error;
    }
    return launch(forward_apply<T, Epilogue>, grid, plan.threads, 0, stream, arguments, epilogue);
  });
}

template <class Epilogue>
int launch_backward_planes(const BackwardArguments& arguments, const Plan& plan, const Epilogue& epilogue,
                           void* stream) {
  const Shape& shape = arguments.shape;
  if (plan.path == Path::channels_last) {
    return with_width(
        shape, {arguments.x, arguments.gradient, arguments.dx, arguments.dskip}, [&](auto zero, auto width) {
          using T = decltype(zero);
          const dim3 grid = grid_of(shape, plan.splits, width);
          const int error = launch(channels_last_backward_sums<T, width(), Epilogue>, grid, plan.threads, 0, stream,
                                   arguments, epilogue);
          if (error != 0) return error;
          return launch(channels_last_backward_apply<T, width(), Epilogue>, grid_of(shape, plan.writers, width),
                        plan.threads, 0, stream, arguments, epilogue, plan.splits);
        });
  }
  return with_type(shape.type, [&](auto zero) {
    using T = decltype(zero);
    const dim3 grid = grid_of(shape, plan.splits, 1);
    if (plan.path == Path::resident) {
      return launch(backward_resident<T, Epilogue>, grid, plan.threads, plan.shared_bytes, stream, arguments, epilogue);
    }
    const int error = launch(backward_sums<T, Epilogue>, grid, plan.threads, 0, stream, arguments, epilogue);
    if (error != 0) return error;
    return launch(backward_apply<T, Epilogue>, grid, plan.threads, 0, stream, arguments, epilogue);
  });
}

template <class Epilogue>
int launch_backward(const BackwardArguments& arguments, const Plan& plan, const Epilogue& epilogue, void* stream) {
  const Shape& shape = arguments.shape;
  if (shape.planes() != 0) {
    const int error = launch_backward_planes(arguments, plan, epilogue, stream);
    if (error != 0) return error;
  }
  if (shape.channels == 0 || (arguments.dweight == nullptr && arguments.dbias == nullptr)) return 0;
  return with_type(shape.type, [&](auto zero) {
    return launch(backward_parameters<decltype(zero)>, dim3(divided_up(shape.channels, kSplitThreads)), kSplitThreads,
                  0, stream, arguments);
  });
}

}  // namespace i2i::cuda
