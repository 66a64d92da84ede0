#include "cuda/residual_block/residual_block.cuh"

#include "cuda/runtime/launch.cuh"

namespace i2i::cuda {

int launch_reflection_pad(const PadArguments& arguments, const Plan& plan, void* stream) {
  const Shape& shape = arguments.shape;
  if (shape.planes() == 0) return 0;
  if (shape.channels_last) {
    return with_width(shape, {arguments.x, arguments.out}, [&](auto zero, auto width) {
      return launch(pad_channels_last<decltype(zero), width()>, grid_of(shape, plan.writers, width), plan.threads, 0,
                    stream, arguments);
    });
  }
  return with_type(shape.type, [&](auto zero) {
    return launch(pad_contiguous<decltype(zero)>, grid_of(shape, plan.writers, 1), plan.threads, 0, stream, arguments);
  });
}

int launch_reflection_pad_backward(const FoldArguments& arguments, const Plan& plan, void* stream) {
  const Shape& shape = arguments.shape;
  if (shape.planes() == 0) return 0;
  if (shape.channels_last) {
    return with_width(shape, {arguments.gradient, arguments.added, arguments.out}, [&](auto zero, auto width) {
      return launch(fold_channels_last<decltype(zero), width()>, grid_of(shape, plan.writers, width), plan.threads, 0,
                    stream, arguments);
    });
  }
  return with_type(shape.type, [&](auto zero) {
    return launch(fold_contiguous<decltype(zero)>, grid_of(shape, plan.writers, 1), plan.threads, 0, stream, arguments);
  });
}

}  // namespace i2i::cuda
