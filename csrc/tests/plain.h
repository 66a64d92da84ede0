// What the kernels are judged by: the same operations in float64, written without regard to speed.
// Planes are [C, H, W] of one image.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace i2i::testing {

using Numbers = std::vector<double>;

struct Plane3 {
  int64_t channels, height, width;

  int64_t floats() const { return channels * height * width; }
  int64_t at(int64_t c, int64_t y, int64_t x) const { return (c * height + y) * width + x; }
};

inline Numbers random_numbers(int64_t count, unsigned seed, double scale = 1, double mean = 0) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(static_cast<float>(mean), static_cast<float>(scale));
  Numbers numbers(count);
  for (double& number : numbers) number = normal(generator);
  return numbers;
}

inline std::vector<float> to_floats(const Numbers& numbers) { return {numbers.begin(), numbers.end()}; }

inline int64_t reflected(int64_t index, int64_t size) {
  if (index < 0) return -index;
  return index < size ? index : 2 * size - 2 - index;
}

// A 3x3 convolution of the image reflected by one pixel; weight is [C, C, 3, 3]. Visits every product.
template <class Visit>
void for_each_product(const Plane3& shape, const Visit& visit) {
  for (int64_t k = 0; k < shape.channels; k++)
    for (int64_t c = 0; c < shape.channels; c++)
      for (int64_t tap = 0; tap < 9; tap++)
        for (int64_t y = 0; y < shape.height; y++)
          for (int64_t x = 0; x < shape.width; x++)
            visit(shape.at(k, y, x),
                  shape.at(c, reflected(y + tap / 3 - 1, shape.height), reflected(x + tap % 3 - 1, shape.width)),
                  (k * shape.channels + c) * 9 + tap);
}

inline Numbers convolved(const Plane3& shape, const Numbers& image, const Numbers& weight) {
  Numbers out(shape.floats());
  for_each_product(shape, [&](int64_t to, int64_t from, int64_t tap) { out[to] += image[from] * weight[tap]; });
  return out;
}

struct Norm {
  Numbers mean, rstd;  // [C]

  Norm(const Plane3& shape, const Numbers& y, double eps) : mean(shape.channels), rstd(shape.channels) {
    const int64_t pixels = shape.height * shape.width;
    for (int64_t c = 0; c < shape.channels; c++) {
      double total = 0, squares = 0;
      for (int64_t i = 0; i < pixels; i++) total += y[c * pixels + i];
      mean[c] = total / static_cast<double>(pixels);
      for (int64_t i = 0; i < pixels; i++) squares += std::pow(y[c * pixels + i] - mean[c], 2);
      rstd[c] = 1 / std::sqrt(squares / static_cast<double>(pixels) + eps);
    }
  }

  Numbers of(const Plane3& shape, const Numbers& y) const {
    const int64_t pixels = shape.height * shape.width;
    Numbers out(y.size());
    for (int64_t i = 0; i < shape.floats(); i++) out[i] = (y[i] - mean[i / pixels]) * rstd[i / pixels];
    return out;
  }

  Numbers gradient(const Plane3& shape, const Numbers& y, const Numbers& g) const {
    const int64_t pixels = shape.height * shape.width;
    const Numbers n = of(shape, y);
    Numbers out(y.size());
    for (int64_t c = 0; c < shape.channels; c++) {
      double total = 0, products = 0;
      for (int64_t i = c * pixels; i < (c + 1) * pixels; i++) total += g[i], products += g[i] * n[i];
      for (int64_t i = c * pixels; i < (c + 1) * pixels; i++) {
        out[i] = rstd[c] * (g[i] - (total + n[i] * products) / static_cast<double>(pixels));
      }
    }
    return out;
  }
};

// How far `got` is from `expected`, in the norm of `expected`.
template <class Got>
double relative_error(const Got& got, const Numbers& expected) {
  double error = 0, size = 0;
  for (size_t i = 0; i < expected.size(); i++) {
    error += std::pow(static_cast<double>(got[i]) - expected[i], 2);
    size += std::pow(expected[i], 2);
  }
  return std::sqrt(error / (size > 0 ? size : 1));
}

}  // namespace i2i::testing
