// csrc/cuda/device.h for tensors of the CPU, on which the emulator runs the kernels: no device to choose, no stream.
#pragma once

#include <torch/csrc/stable/tensor.h>

namespace i2i::cuda {

inline bool is_on_device(const torch::stable::Tensor& tensor) { return tensor.is_cpu(); }

class OnDeviceOf {
 public:
  explicit OnDeviceOf(const torch::stable::Tensor&) {}
  void* stream() const { return nullptr; }
};

}  // namespace i2i::cuda
