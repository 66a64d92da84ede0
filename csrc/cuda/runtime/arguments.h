// What the CUDA kernels are given: plain pointers and sizes, the same for the device code, the launchers and their
// callers. Nothing here knows torch or CUDA.
#pragma once

#include <cstddef>
#include <cstdint>

namespace i2i::cuda {

enum class Type { float32, float16, bfloat16 };

inline int bytes_of(Type type) { return type == Type::float32 ? 4 : 2; }

// Of x: [batch, channels, height, width], contiguous or channels_last. What is padded has 2 * padding more rows and
// columns; padding is less than height and width unless it is 0. A padded plane has less than 2^31 elements.
struct Shape {
  int64_t batch;
  int channels, height, width, padding;
  bool channels_last;
  Type type;

  int64_t planes() const { return batch * channels; }
  int64_t plane_size() const { return static_cast<int64_t>(height) * width; }
  int64_t padded_size() const { return (height + 2LL * padding) * (width + 2LL * padding); }
};

// out = pad(epilogue((x - mean) * rstd * weight + bias)); all planes of one tensor lie as Shape says.
struct ForwardArguments {
  Shape shape;
  const void* x;
  const void* skip;       // like x; instance_norm_add only
  const void* weight;     // [channels] or null
  const void* bias;       // [channels] or null
  bool float_parameters;  // weight and bias are float32, else of x's type
  float eps;
  float negative_slope;   // instance_norm_act only: 1 for no activation, 0 for ReLU
  bool statistics_given;  // mean and rstd are read, not computed
  void* out;              // like x, padded
  float* mean;            // [batch, channels]
  float* rstd;            // [batch, channels]
  float* workspace;       // Plan::workspace_floats
};

struct BackwardArguments {
  Shape shape;
  const void* gradient;  // of out
  const void* x;
  const void* weight;  // as in the forward pass
  const void* bias;    // instance_norm_act only: the activation's sign depends on it
  bool float_parameters;
  float negative_slope;  // instance_norm_act only
  const float* mean;
  const float* rstd;
  void* dx;          // like x
  void* dskip;       // like x, or null when nobody wants it
  void* dweight;     // [channels], of the parameters' type, or null
  void* dbias;       // [channels], of the parameters' type, or null
  float* workspace;  // Plan::workspace_floats
};

// out = pad(x); shape is x's.
struct PadArguments {
  Shape shape;
  const void* x;
  void* out;
};

// out = added + the gradient of pad at x; shape is x's, of which added and out are.
struct FoldArguments {
  Shape shape;
  const void* gradient;  // of the padded tensor
  const void* added;
  void* out;
};

}  // namespace i2i::cuda
