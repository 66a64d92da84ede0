// The CUDA side's functions for host code: plain pointers and sizes in, launches on a stream. Nothing here waits for
// the device, so that a stream can be captured into a CUDA graph. The current device is the one of the pointers.
//
// A launcher returns 0 or the code of the launch error (error_text); nothing is launched for an empty tensor.
#pragma once

#include "cuda/runtime/arguments.h"
#include "cuda/runtime/plan.h"

namespace i2i::cuda {

// Bytes of shared memory that a block of the current device may have; 0 when the device cannot be asked.
size_t shared_memory_limit();

const char* error_text(int error);

// `plan` from plan_forward or plan_backward.
int launch_instance_norm_act_forward(const ForwardArguments& arguments, const Plan& plan, void* stream);
int launch_instance_norm_act_backward(const BackwardArguments& arguments, const Plan& plan, void* stream);
int launch_instance_norm_add_forward(const ForwardArguments& arguments, const Plan& plan, void* stream);
int launch_instance_norm_add_backward(const BackwardArguments& arguments, const Plan& plan, void* stream);

// `plan` from plan_copy.
int launch_reflection_pad(const PadArguments& arguments, const Plan& plan, void* stream);
int launch_reflection_pad_backward(const FoldArguments& arguments, const Plan& plan, void* stream);

}  // namespace i2i::cuda
