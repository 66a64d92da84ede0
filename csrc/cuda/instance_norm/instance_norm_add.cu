#include "cuda/instance_norm/instance_norm_add.cuh"

#include "cuda/instance_norm/instance_norm_launch.cuh"

namespace i2i::cuda {

int launch_instance_norm_add_forward(const ForwardArguments& arguments, const Plan& plan, void* stream) {
  return launch_forward(arguments, plan, Addition{}, stream);
}

int launch_instance_norm_add_backward(const BackwardArguments& arguments, const Plan& plan, void* stream) {
  return launch_backward(arguments, plan, Addition{}, stream);
}

}  // namespace i2i::cuda
