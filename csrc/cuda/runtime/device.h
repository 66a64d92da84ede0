// Where the tensors are, and the stream that the kernels are launched on.
#pragma once

#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/tensor.h>

namespace i2i::cuda {

inline bool is_on_device(const torch::stable::Tensor& tensor) { return tensor.is_cuda(); }

// Makes a tensor's device the current one, until the end of the scope, and gives its stream.
class OnDeviceOf {
 public:
  explicit OnDeviceOf(const torch::stable::Tensor& tensor)
      : guard_(tensor.get_device_index()),
        stream_(torch::stable::accelerator::getCurrentStream(tensor.get_device_index()).nativeHandle()) {}
  void* stream() const { return stream_; }

 private:
  torch::stable::accelerator::DeviceGuard guard_;
  void* stream_;
};

}  // namespace i2i::cuda
