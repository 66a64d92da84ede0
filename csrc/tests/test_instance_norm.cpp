// The instance norms of every variant against plain float64, in both memory formats and both dtypes, and the promise of
// the same bits for any number of threads.
#include <cstring>
#include <limits>

#include "cpu/runtime/variants.h"
#include "tests/plain.h"
#include "tests/testing.h"

namespace {

using namespace i2i::cpu;
using namespace i2i::testing;

// Everything in the order N, C, H, W; weight and bias are empty or [C].
struct Given {
  NormShape shape;
  AfterNorm after;
  Numbers x, skip, gradient, weight, bias;

  int64_t pixels() const { return shape.height * shape.width; }
  int64_t padded_pixels() const { return (shape.height + 2 * shape.pad) * (shape.width + 2 * shape.pad); }
  int64_t planes() const { return shape.batch * shape.channels; }
};

template <class Value>
struct Results {
  std::vector<Value> out, dx, dskip, dweight, dbias;
};

constexpr double kEps = 1e-5, kSlope = 0.25;

Given given_of(NormShape shape, AfterNorm after, bool affine, double mean = 0) {
  Given given{shape, after, {}, {}, {}, {}, {}};
  given.x = random_numbers(given.planes() * given.pixels(), 1, 1, mean);
  given.skip = random_numbers(given.planes() * given.pixels(), 2);
  given.gradient = random_numbers(given.planes() * given.padded_pixels(), 3);
  if (affine) given.weight = random_numbers(shape.channels, 4), given.bias = random_numbers(shape.channels, 5);
  return given;
}

Results<double> expected_of(const Given& given) {
  const auto& [batch, channels, height, width, pad, channels_last, bfloat16] = given.shape;
  Results<double> expected{{}, {}, {}, Numbers(channels), Numbers(channels)};
  for (int64_t plane = 0; plane < given.planes(); plane++) {
    const Plane3 shape{1, height, width};
    const int64_t begin = plane * given.pixels(), channel = plane % channels;
    const Numbers x(given.x.begin() + begin, given.x.begin() + begin + given.pixels());
    const double weight = given.weight.empty() ? 1 : given.weight[channel];
    const double bias = given.bias.empty() ? 0 : given.bias[channel];
    const Norm norm(shape, x, kEps);
    const Numbers normalised = norm.of(shape, x);

    Numbers g(given.pixels());
    for (int64_t i = 0; i < given.padded_pixels(); i++) {
      const int64_t row = i / (width + 2 * pad) - pad, column = i % (width + 2 * pad) - pad;
      const int64_t from = shape.at(0, reflected(row, height), reflected(column, width));
      double y = normalised[from] * weight + bias;
      if (given.after == AfterNorm::kRelu) y = std::max(y, 0.0);
      if (given.after == AfterNorm::kLeakyRelu) y = y > 0 ? y : y * kSlope;
      if (given.after == AfterNorm::kAddSkip) y += given.skip[begin + from];
      expected.out.push_back(y);
      g[from] += given.gradient[plane * given.padded_pixels() + i];
    }
    for (int64_t i = 0; i < given.pixels(); i++) {
      expected.dskip.push_back(g[i]);
      const bool negative = normalised[i] * weight + bias <= 0;
      if (negative && given.after == AfterNorm::kRelu) g[i] = 0;
      if (negative && given.after == AfterNorm::kLeakyRelu) g[i] *= kSlope;
      expected.dweight[channel] += g[i] * normalised[i];
      expected.dbias[channel] += g[i];
    }
    for (double value : norm.gradient(shape, x, g)) expected.dx.push_back(weight * value);
  }
  return expected;
}

float from_bfloat16(uint16_t element) {
  const uint32_t bits = static_cast<uint32_t>(element) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

uint16_t cut_to_bfloat16(double number) {
  const float value = static_cast<float>(number);
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>(bits >> 16);
}

// A tensor as the kernels see it: in the memory format and the dtype of the shape.
class Tensor {
 public:
  Tensor(const NormShape& shape, int64_t pixels)
      : shape_(shape), pixels_(pixels), bytes_(shape.batch * shape.channels * pixels * element_bytes()) {}

  Tensor(const NormShape& shape, int64_t pixels, const Numbers& numbers) : Tensor(shape, pixels) {
    for (size_t i = 0; i < numbers.size(); i++) {
      const uint16_t half = cut_to_bfloat16(numbers[i]);
      const float value = static_cast<float>(numbers[i]);
      std::memcpy(data() + place(i) * element_bytes(), shape.bfloat16 ? static_cast<const void*>(&half) : &value,
                  element_bytes());
    }
  }

  char* data() { return bytes_.data(); }

  std::vector<float> values() const {
    std::vector<float> values(bytes_.size() / element_bytes());
    for (size_t i = 0; i < values.size(); i++) {
      const char* from = bytes_.data() + place(i) * element_bytes();
      uint16_t half;
      std::memcpy(shape_.bfloat16 ? static_cast<void*>(&half) : &values[i], from, element_bytes());
      if (shape_.bfloat16) values[i] = from_bfloat16(half);
    }
    return values;
  }

 private:
  int64_t element_bytes() const { return shape_.bfloat16 ? 2 : 4; }
  int64_t place(int64_t i) const {
    if (!shape_.channels_last) return i;
    const int64_t plane = i / pixels_, image = plane / shape_.channels, channel = plane % shape_.channels;
    return (image * pixels_ + i % pixels_) * shape_.channels + channel;
  }

  NormShape shape_;
  int64_t pixels_;
  std::vector<char> bytes_;
};

Results<float> run(const Kernels& kernels, const Given& given, int thread_count) {
  const NormShape& shape = given.shape;
  i2i::Parallel parallel = threads(thread_count);
  parallel.threads = thread_count;
  Tensor x(shape, given.pixels(), given.x), skip(shape, given.pixels(), given.skip);
  Tensor gradient(shape, given.padded_pixels(), given.gradient), out(shape, given.padded_pixels());
  Tensor dx(shape, given.pixels()), dskip(shape, given.pixels());
  const std::vector<float> weight = to_floats(given.weight), bias = to_floats(given.bias);
  const float *weights = weight.empty() ? nullptr : weight.data(), *biases = bias.empty() ? nullptr : bias.data();
  std::vector<float> mean(given.planes()), rstd(given.planes());
  Results<float> results{{}, {}, {}, std::vector<float>(shape.channels), std::vector<float>(shape.channels)};
  const float slope = static_cast<float>(kSlope);
  kernels.instance_norm.forward(
      {shape, given.after, slope, kEps, x.data(), skip.data(), weights, biases, out.data(), mean.data(), rstd.data()},
      parallel);
  kernels.instance_norm.backward({shape, given.after, slope, gradient.data(), x.data(), weights, biases, mean.data(),
                                  rstd.data(), dx.data(), dskip.data(), results.dweight.data(), results.dbias.data()},
                                 parallel);
  results.out = out.values(), results.dx = dx.values(), results.dskip = dskip.values();
  return results;
}

const AfterNorm kAll[] = {AfterNorm::kNothing, AfterNorm::kRelu, AfterNorm::kLeakyRelu, AfterNorm::kAddSkip};

// Few and many channels, that fill vectors or not; rows of one pixel and longer than a segment; the widest reflection.
const NormShape kShapes[] = {
    {1, 1, 1, 2, 0, false, false},    {2, 3, 4, 5, 3, false, false},   {1, 16, 7, 9, 1, false, false},
    {2, 21, 6, 4, 0, false, false},   {1, 37, 5, 11, 2, false, false}, {1, 64, 3, 70, 2, false, false},
    {1, 5, 2, 4100, 1, false, false}, {20, 2, 3, 3, 2, false, false},  {1, 130, 40, 20, 1, false, false}};

template <class Check>
void for_each_case(const Check& check) {
  for (const Kernels* kernels : supported_variants()) {
    for (NormShape shape : kShapes) {
      for (const bool channels_last : {false, true}) {
        shape.channels_last = channels_last;
        for (const AfterNorm after : kAll) check(*kernels, shape, after);
      }
    }
  }
}

}  // namespace

TEST(instance_norm_equals_the_plain_one) {
  for_each_case([](const Kernels& kernels, const NormShape& shape, AfterNorm after) {
    for (const bool affine : {false, true}) {
      const Given given = given_of(shape, after, affine);
      const Results<double> expected = expected_of(given);
      const Results<float> got = run(kernels, given, 1);
      const auto check = [&](const char* name, const std::vector<float>& values, const Numbers& wanted) {
        const double error = relative_error(values, wanted);
        CHECK(error < 2e-6, name, " differs by ", error, ": ", kernels.name, ", after ", static_cast<int>(after),
              ", channels ", shape.channels, ", ", shape.height, "x", shape.width, ", pad ", shape.pad,
              ", channels_last ", shape.channels_last, ", affine ", affine);
      };
      check("out", got.out, expected.out);
      if (given.pixels() > 2) check("dx", got.dx, expected.dx);  // of two values it is zero but for eps
      check("dweight", got.dweight, expected.dweight);
      check("dbias", got.dbias, expected.dbias);
      if (after == AfterNorm::kAddSkip) check("dskip", got.dskip, expected.dskip);
    }
  });
}

TEST(instance_norm_of_bfloat16_rounds_only_on_the_way_in_and_out) {
  for_each_case([](const Kernels& kernels, NormShape shape, AfterNorm after) {
    if (shape.height * shape.width <= 2) return;
    shape.bfloat16 = true;
    Given given = given_of(shape, after, true);
    for (Numbers* numbers : {&given.x, &given.skip, &given.gradient}) {
      for (double& number : *numbers) number = from_bfloat16(cut_to_bfloat16(number));
    }
    const Results<double> expected = expected_of(given);
    const Results<float> got = run(kernels, given, 1);
    // Rounding to eight bits moves a value by half a unit in the last place at most.
    CHECK(relative_error(got.out, expected.out) < 1 / 256., kernels.name, " ", shape.channels);
    CHECK(relative_error(got.dx, expected.dx) < 1 / 256., kernels.name, " ", shape.channels);
    CHECK(relative_error(got.dweight, expected.dweight) < 2e-6, kernels.name, " ", shape.channels);
    CHECK(relative_error(got.dbias, expected.dbias) < 2e-6, kernels.name, " ", shape.channels);
  });
}

TEST(instance_norm_survives_a_mean_of_ten_thousand_deviations) {
  for (const Kernels* kernels : supported_variants()) {
    for (const bool channels_last : {false, true}) {
      const Given given = given_of({2, 20, 33, 65, 1, channels_last, false}, AfterNorm::kLeakyRelu, true, 1e4);
      const Results<double> expected = expected_of(given);
      const Results<float> got = run(*kernels, given, 1);
      CHECK(relative_error(got.out, expected.out) < 1e-6, relative_error(got.out, expected.out), kernels->name);
      CHECK(relative_error(got.dx, expected.dx) < 1e-5, relative_error(got.dx, expected.dx), kernels->name);
    }
  }
}

TEST(instance_norm_has_the_same_bits_for_any_number_of_threads) {
  // Planes in one chunk and in several, images one after the other and all at once.
  const NormShape shapes[] = {{1, 24, 40, 30, 2, false, false},
                              {1, 2, 300, 301, 1, false, false},
                              {3, 40, 9, 9, 0, false, false},
                              {20, 3, 20, 20, 1, false, false}};
  const auto same = [](const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
  };
  for (const Kernels* kernels : supported_variants()) {
    for (NormShape shape : shapes) {
      for (const bool channels_last : {false, true}) {
        shape.channels_last = channels_last;
        const Given given = given_of(shape, AfterNorm::kRelu, true, 3);
        const Results<float> one = run(*kernels, given, 1);
        for (const int thread_count : {2, 3, 7}) {
          const Results<float> many = run(*kernels, given, thread_count);
          CHECK(same(one.out, many.out) && same(one.dx, many.dx) && same(one.dweight, many.dweight) &&
                    same(one.dbias, many.dbias),
                kernels->name, ", ", thread_count, " threads, channels ", shape.channels);
        }
      }
    }
  }
}

TEST(instance_norm_keeps_what_is_not_finite_in_its_plane) {
  for (const Kernels* kernels : supported_variants()) {
    for (const bool channels_last : {false, true}) {
      for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        for (const AfterNorm after : kAll) {
          Given given = given_of({1, 18, 5, 7, 1, channels_last, false}, after, false);
          given.x[4 * given.pixels() + 3] = value;
          const Results<float> got = run(*kernels, given, 1);
          for (size_t i = 0; i < got.out.size(); i++) {
            const bool spoilt = static_cast<int64_t>(i) / given.padded_pixels() == 4;
            CHECK(std::isnan(got.out[i]) == spoilt, kernels->name, " ", value, " at ", i);
          }
        }
      }
    }
  }
}

TEST(instance_norm_of_equal_values_is_its_bias) {
  for (const Kernels* kernels : supported_variants()) {
    for (const bool channels_last : {false, true}) {
      Given given = given_of({1, 19, 6, 5, 0, channels_last, false}, AfterNorm::kNothing, true);
      for (int64_t i = 0; i < static_cast<int64_t>(given.x.size()); i++) {
        given.x[i] = 1e6 + static_cast<double>(i / given.pixels());
      }
      const Results<float> got = run(*kernels, given, 1);
      for (size_t i = 0; i < got.out.size(); i++) {
        CHECK(got.out[i] == static_cast<float>(given.bias[i / given.pixels()]), kernels->name, " at ", i);
      }
    }
  }
}
