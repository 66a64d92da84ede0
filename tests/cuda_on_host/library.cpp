// What the Python tests call: the launchers of csrc/cuda, run by the emulator, with plain C arguments.
#include <algorithm>
#include <exception>
#include <string>

#include "cuda_on_host.h"
#include "cuda/runtime/launchers.h"
#include "cuda/unmeasured/reflect_convolution.h"

namespace {

using i2i::cuda::Plan;

std::string& last_error() {
  static std::string text;
  return text;
}

// Runs a launcher; 0, or 1 with the reason in last_error().
template <class Call>
int guarded(const Call& call) {
  try {
    const int error = call();
    if (error != 0) last_error() = i2i::cuda::error_text(error);
    return error == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    last_error() = error.what();
    return 1;
  }
}

}  // namespace

extern "C" {

const char* on_host_error() { return last_error().c_str(); }

void on_host_options(int order, unsigned seed, int workers, int shared_memory) {
  cuda_on_host::options().order = static_cast<cuda_on_host::Options::Order>(order);
  cuda_on_host::options().seed = seed;
  cuda_on_host::options().workers = workers;
  cuda_on_host::device_shared_memory() = shared_memory;
}

void on_host_allow(const void* memory, size_t bytes, int writable) {
  cuda_on_host::allow_memory(memory, bytes, writable != 0);
}

void on_host_forget() {
  cuda_on_host::forget_memory();
  cuda_on_host::launches().clear();
}

int on_host_launches() { return static_cast<int>(cuda_on_host::launches().size()); }

// numbers: grid x, grid y, threads, dynamic shared bytes, bytes read, written, of these by 16 bytes: read, written
const char* on_host_launch(int number, int64_t* numbers) {
  const cuda_on_host::Launch& launch = cuda_on_host::launches()[static_cast<size_t>(number)];
  const int64_t values[] = {launch.grid.x,
                            launch.grid.y,
                            launch.block.x,
                            static_cast<int64_t>(launch.dynamic_shared_bytes),
                            launch.traffic.read,
                            launch.traffic.written,
                            launch.traffic.wide_read,
                            launch.traffic.wide_written};
  std::copy(std::begin(values), std::end(values), numbers);
  return launch.kernel.c_str();
}

// Plans as the operators make them; kind: 0 forward, 1 forward with given statistics, 2 backward, 3 copy.
void on_host_plan(int kind, const i2i::cuda::Shape* shape, Plan* plan) {
  const size_t limit = i2i::cuda::shared_memory_limit();
  if (kind == 2)
    *plan = i2i::cuda::plan_backward(*shape, limit);
  else if (kind == 3)
    *plan = i2i::cuda::plan_copy(*shape);
  else
    *plan = i2i::cuda::plan_forward(*shape, kind == 1, limit);
}

int on_host_act_forward(const i2i::cuda::ForwardArguments* arguments, const Plan* plan) {
  return guarded([&] { return i2i::cuda::launch_instance_norm_act_forward(*arguments, *plan, nullptr); });
}
int on_host_act_backward(const i2i::cuda::BackwardArguments* arguments, const Plan* plan) {
  return guarded([&] { return i2i::cuda::launch_instance_norm_act_backward(*arguments, *plan, nullptr); });
}
int on_host_add_forward(const i2i::cuda::ForwardArguments* arguments, const Plan* plan) {
  return guarded([&] { return i2i::cuda::launch_instance_norm_add_forward(*arguments, *plan, nullptr); });
}
int on_host_add_backward(const i2i::cuda::BackwardArguments* arguments, const Plan* plan) {
  return guarded([&] { return i2i::cuda::launch_instance_norm_add_backward(*arguments, *plan, nullptr); });
}
int on_host_reflect_convolution(const i2i::cuda::ConvolutionArguments* arguments, const void* /*no plan*/) {
  return guarded([&] { return i2i::cuda::launch_reflect_convolution(*arguments, nullptr); });
}
int on_host_tile_statistics(const i2i::cuda::TileStatisticsArguments* arguments, const void* /*no plan*/) {
  return guarded([&] { return i2i::cuda::launch_tile_statistics(*arguments, nullptr); });
}
int64_t on_host_tile_moments_floats(const i2i::cuda::Shape* shape) { return i2i::cuda::tile_moments_floats(*shape); }
int on_host_pad(const i2i::cuda::PadArguments* arguments, const Plan* plan) {
  return guarded([&] { return i2i::cuda::launch_reflection_pad(*arguments, *plan, nullptr); });
}
int on_host_pad_backward(const i2i::cuda::FoldArguments* arguments, const Plan* plan) {
  return guarded([&] { return i2i::cuda::launch_reflection_pad_backward(*arguments, *plan, nullptr); });
}

}  // extern "C"
