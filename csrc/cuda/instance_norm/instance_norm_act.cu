#include "cuda/instance_norm/instance_norm_act.cuh"

#include "cuda/instance_norm/instance_norm_launch.cuh"

namespace i2i::cuda {

int launch_instance_norm_act_forward(const ForwardArguments& arguments, const Plan& plan, void* stream) {
  return launch_forward(arguments, plan, Activation{arguments.negative_slope}, stream);
}

int launch_instance_norm_act_backward(const BackwardArguments& arguments, const Plan& plan, void* stream) {
  return launch_backward(arguments, plan, Activation{arguments.negative_slope}, stream);
}

}  // namespace i2i::cuda
