// A program for sanitizers and planted bugs: runs the kernels on a few shapes with buffers of the exact size and checks
// the results in double. Ends with 0, with 2 and the error when a result is wrong, or with 3 and the emulator's words.
//
// With ACTIVATION_ALONE it needs instance_norm_act.cu alone, and is compiled in half the time.
//
//   driver [order [seed [workers [threads of a block]]]]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include "cuda_on_host.h"
#include "cuda/runtime/elements.cuh"
#include "cuda/runtime/launchers.h"

namespace {

using namespace i2i::cuda;

// Elements of a tensor in memory of their exact size, `start` elements behind a multiple of 16 bytes.
template <class T>
class Elements {
 public:
  explicit Elements(int64_t count, int start = 0) : count_(count), start_(start) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 16, static_cast<size_t>(count + start) * sizeof(T)) != 0) throw std::bad_alloc();
    memory_.reset(memory);
    cuda_on_host::allow_memory(data(), static_cast<size_t>(count) * sizeof(T), true);
  }
  T* data() const { return static_cast<T*>(memory_.get()) + start_; }
  double operator[](int64_t i) const { return to_float(data()[i]); }
  void fill(unsigned seed) {
    for (int64_t i = 0; i < count_; ++i) {
      seed = seed * 1664525u + 1013904223u;
      data()[i] = from_float<T>(static_cast<float>(seed >> 8) / (1 << 24) * 4.0f - 1.0f);
    }
  }

 private:
  struct Free {
    void operator()(void* memory) const { free(memory); }
  };
  int64_t count_;
  int start_;
  std::unique_ptr<void, Free> memory_;
};

int reflected(int index, int size) {
  index = std::abs(index);
  return index < size ? index : 2 * (size - 1) - index;
}

// The reference of one plane, in double. `at(i)` is where element i of the plane lies, `padded_at(i)` of the padded
// one.
struct Reference {
  Shape shape;
  int64_t plane;

  int64_t at(int64_t i) const { return place(i, shape.plane_size()); }
  int64_t padded_at(int64_t i) const { return place(i, shape.padded_size()); }
  int64_t source_of(int64_t i) const {
    const int width = shape.width + 2 * shape.padding;
    const int row = reflected(static_cast<int>(i / width) - shape.padding, shape.height);
    return row * shape.width + reflected(static_cast<int>(i % width) - shape.padding, shape.width);
  }

 private:
  int64_t place(int64_t i, int64_t size) const {
    if (!shape.channels_last) return plane * size + i;
    return (plane / shape.channels * size + i) * shape.channels + plane % shape.channels;
  }
};

int threads = 0;  // 0: what the plan says
Plan with_threads(Plan plan) {
  if (threads != 0) plan.threads = threads;
  return plan;
}

double worst = 0;
void compare(double got, double wanted) {
  const double error = std::fabs(got - wanted);
  if (!(error <= worst)) worst = error;  // NaN is the worst
}

void check(int error) {
  if (error != 0) throw std::runtime_error(error_text(error));
}

// instance_norm_act (slope) or instance_norm_add, forward and backward, with weight and bias.
template <class T>
void drive_norm(const Shape& shape, bool add, float slope, int start) {
  cuda_on_host::forget_memory();
  const int64_t size = shape.plane_size(), padded = shape.padded_size(), planes = shape.planes();
  Elements<T> x(planes * size, start), skip(planes * size), gradient(planes * padded);
  Elements<T> out(planes * padded), dx(planes * size, start), dskip(planes * size);
  Elements<float> weight(shape.channels), bias(shape.channels), dweight(shape.channels), dbias(shape.channels);
  Elements<float> mean(planes), rstd(planes);
  x.fill(1), skip.fill(2), gradient.fill(3), weight.fill(4), bias.fill(5);

  const Plan forward = with_threads(plan_forward(shape, false, shared_memory_limit()));
  Elements<float> forward_workspace(forward.workspace_floats);
  const ForwardArguments to{shape,
                            x.data(),
                            add ? skip.data() : nullptr,
                            weight.data(),
                            bias.data(),
                            true,
                            1e-5f,
                            slope,
                            false,
                            out.data(),
                            mean.data(),
                            rstd.data(),
                            forward_workspace.data()};
#ifndef ACTIVATION_ALONE
  if (add) check(launch_instance_norm_add_forward(to, forward, nullptr));
#endif
  if (!add) check(launch_instance_norm_act_forward(to, forward, nullptr));

  const Plan backward = with_threads(plan_backward(shape, shared_memory_limit()));
  Elements<float> backward_workspace(backward.workspace_floats);
  const BackwardArguments from{shape,
                               gradient.data(),
                               x.data(),
                               weight.data(),
                               bias.data(),
                               true,
                               slope,
                               mean.data(),
                               rstd.data(),
                               dx.data(),
                               add ? dskip.data() : nullptr,
                               dweight.data(),
                               dbias.data(),
                               backward_workspace.data()};
#ifndef ACTIVATION_ALONE
  if (add) check(launch_instance_norm_add_backward(from, backward, nullptr));
#endif
  if (!add) check(launch_instance_norm_act_backward(from, backward, nullptr));

  std::vector<double> weight_sums(shape.channels), bias_sums(shape.channels);
  for (int64_t plane = 0; plane < planes; ++plane) {
    const Reference reference{shape, plane};
    const int channel = static_cast<int>(plane % shape.channels);
    double average = 0, variance = 0;
    for (int64_t i = 0; i < size; ++i) average += x[reference.at(i)] / static_cast<double>(size);
    for (int64_t i = 0; i < size; ++i)
      variance += std::pow(x[reference.at(i)] - average, 2) / static_cast<double>(size);
    const double scale = 1 / std::sqrt(variance + 1e-5);
    std::vector<double> normalised(size), folded(size);
    for (int64_t i = 0; i < size; ++i) normalised[i] = (x[reference.at(i)] - average) * scale;
    for (int64_t i = 0; i < padded; ++i) {
      const int64_t source = reference.source_of(i);
      double value = normalised[source] * weight[channel] + bias[channel];
      if (add) value += skip[reference.at(source)];
      if (!add && value < 0) value *= slope;
      compare(out[reference.padded_at(i)], value);
      folded[source] += gradient[reference.padded_at(i)];
    }
    double sum = 0, product = 0;
    for (int64_t i = 0; i < size; ++i) {
      if (!add && normalised[i] * weight[channel] + bias[channel] <= 0) folded[i] *= slope;
      sum += folded[i];
      product += folded[i] * normalised[i];
    }
    weight_sums[channel] += product;
    bias_sums[channel] += sum;
    for (int64_t i = 0; i < size; ++i) {
      const double projected = folded[i] - (sum + normalised[i] * product) / static_cast<double>(size);
      compare(dx[reference.at(i)], projected * scale * weight[channel]);
      if (add) compare(dskip[reference.at(i)], folded[i]);
    }
  }
  for (int channel = 0; channel < shape.channels; ++channel) {
    const double size_of_sums = static_cast<double>(size * shape.batch);
    compare(dweight[channel] / size_of_sums, weight_sums[channel] / size_of_sums);
    compare(dbias[channel] / size_of_sums, bias_sums[channel] / size_of_sums);
  }
}

#ifndef ACTIVATION_ALONE
template <class T>
void drive_padding(const Shape& shape, int start) {
  cuda_on_host::forget_memory();
  const int64_t size = shape.plane_size(), padded = shape.padded_size(), planes = shape.planes();
  Elements<T> x(planes * size, start), out(planes * padded), gradient(planes * padded, start), dx(planes * size);
  x.fill(1), gradient.fill(2);
  check(launch_reflection_pad({shape, x.data(), out.data()}, with_threads(plan_copy(shape)), nullptr));
  check(launch_reflection_pad_backward({shape, gradient.data(), x.data(), dx.data()}, with_threads(plan_copy(shape)),
                                       nullptr));
  for (int64_t plane = 0; plane < planes; ++plane) {
    const Reference reference{shape, plane};
    std::vector<double> folded(size);
    for (int64_t i = 0; i < padded; ++i) {
      compare(out[reference.padded_at(i)], x[reference.at(reference.source_of(i))]);
      folded[reference.source_of(i)] += gradient[reference.padded_at(i)];
    }
    for (int64_t i = 0; i < size; ++i) compare(dx[reference.at(i)], folded[i] + x[reference.at(i)]);
  }
}
#endif

template <class T>
void drive(Type type, double tolerance) {
  worst = 0;
  for (const int shared_memory : {99 << 10, 0}) {  // a plane in a block, and in several
    cuda_on_host::device_shared_memory() = shared_memory;
    for (const bool channels_last : {false, true}) {
      drive_norm<T>({2, 8, 19, 23, 2, channels_last, type}, false, 0.2f, 0);
      drive_norm<T>({1, 3, 37, 41, 0, channels_last, type}, false, 0.0f, 1);
#ifndef ACTIVATION_ALONE
      drive_norm<T>({1, 3, 37, 41, 0, channels_last, type}, true, 1.0f, 1);
      drive_norm<T>({1, 2, 4, 3, 1, channels_last, type}, true, 1.0f, 0);
      drive_padding<T>({1, 8, 21, 18, 1, channels_last, type}, 0);
      drive_padding<T>({1, 3, 5, 9, 3, channels_last, type}, 1);
#endif
    }
    drive_norm<T>({1, 1, 70, 71, 1, false, type}, false, 0.0f, 0);
    drive_norm<T>({1, 1, 111, 110, 0, false, type}, false, 0.0f, 0);  // in float32, a little less than 48 KiB
  }
  printf("%s: largest error %.2e\n", sizeof(T) == 4 ? "float32" : "bfloat16", worst);
  if (!(worst <= tolerance)) exit(2);
}

}  // namespace

int main(int count, char** arguments) {
  cuda_on_host::Options& options = cuda_on_host::options();
  if (count > 1) options.order = static_cast<cuda_on_host::Options::Order>(atoi(arguments[1]));
  if (count > 2) options.seed = static_cast<unsigned>(atoi(arguments[2]));
  if (count > 3) options.workers = atoi(arguments[3]);
  if (count > 4) threads = atoi(arguments[4]);
  try {
    drive<float>(Type::float32, 2e-5);
    drive<__nv_bfloat16>(Type::bfloat16, 0.15);
  } catch (const std::exception& error) {
    printf("the emulator says: %s\n", error.what());
    return 3;
  }
  return 0;
}
