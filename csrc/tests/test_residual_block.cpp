// The residual block of every variant against plain float64, and the promise of the same bits for any number of
// threads.
#include <cstring>
#include <limits>

#include "cpu/runtime/scratch.h"
#include "cpu/runtime/variants.h"
#include "tests/plain.h"
#include "tests/testing.h"

namespace {

using namespace i2i::cpu;
using namespace i2i::testing;

struct Results {
  std::vector<float> out, dx, dweight1, dweight2;
};

// Runs one image through forward and backward of a variant's kernels. x and gradient are [N, C, H, W].
Results run(const Kernels& kernels, const BlockShape& shape, int tile, bool channels_last, std::vector<float> x,
            std::vector<float> gradient, const std::vector<float>& weight1, const std::vector<float>& weight2,
            int thread_count) {
  const ResidualBlockKernels& block = kernels.residual_block;
  const i2i::Parallel parallel = threads(thread_count);
  const auto packed = [&](const std::vector<float>& weight, int for_tile, Direction direction) {
    Scratch filters(block.packed_floats(shape.channels, for_tile));
    block.pack_filters(weight.data(), shape.channels, for_tile, direction, filters, parallel);
    return filters;
  };
  const Scratch pixels(shape.floats()), gradient_pixels(shape.floats()), y1(shape.floats()), y2(shape.floats());
  std::vector<float> statistics(4 * shape.planes());
  Results results{std::vector<float>(x.size()), std::vector<float>(x.size()), std::vector<float>(weight1.size()),
                  std::vector<float>(weight2.size())};
  block.to_pixels(shape, {x.data(), channels_last, false}, pixels, parallel);
  block.to_pixels(shape, {gradient.data(), channels_last, false}, gradient_pixels, parallel);
  block.forward({shape,
                 tile,
                 pixels,
                 packed(weight1, tile, Direction::kForward),
                 packed(weight2, tile, Direction::kForward),
                 {},
                 {},
                 1e-5f,
                 y1,
                 y2,
                 statistics.data(),
                 {results.out.data(), channels_last, false}},
                parallel);
  block.backward({shape,
                  gradient_pixels,
                  pixels,
                  y1,
                  y2,
                  statistics.data(),
                  packed(weight1, 4, Direction::kBackward),
                  packed(weight2, 4, Direction::kBackward),
                  {},
                  {},
                  {results.dx.data(), channels_last, false},
                  results.dweight1.data(),
                  results.dweight2.data(),
                  nullptr,
                  nullptr,
                  nullptr,
                  nullptr},
                 parallel);
  return results;
}

struct Expected {
  Numbers out, dx, dweight1, dweight2;
};

Expected expected_of(const Plane3& shape, const Numbers& x, const Numbers& gradient, const Numbers& weight1,
                     const Numbers& weight2) {
  const Numbers y1 = convolved(shape, x, weight1);
  const Norm norm1(shape, y1, 1e-5);
  Numbers hidden = norm1.of(shape, y1);
  for (double& value : hidden) value = std::max(value, 0.0);
  const Numbers y2 = convolved(shape, hidden, weight2);
  const Norm norm2(shape, y2, 1e-5);

  Expected expected{norm2.of(shape, y2), gradient, Numbers(weight1.size()), Numbers(weight2.size())};
  for (size_t i = 0; i < x.size(); i++) expected.out[i] += x[i];
  const Numbers dy2 = norm2.gradient(shape, y2, gradient);
  Numbers dhidden(x.size());
  for_each_product(shape, [&](int64_t to, int64_t from, int64_t tap) {
    dhidden[from] += dy2[to] * weight2[tap];
    expected.dweight2[tap] += dy2[to] * hidden[from];
  });
  for (size_t i = 0; i < x.size(); i++) dhidden[i] *= hidden[i] > 0;
  const Numbers dy1 = norm1.gradient(shape, y1, dhidden);
  for_each_product(shape, [&](int64_t to, int64_t from, int64_t tap) {
    expected.dx[from] += dy1[to] * weight1[tap];
    expected.dweight1[tap] += dy1[to] * x[from];
  });
  return expected;
}

std::vector<float> reordered(const std::vector<float>& from, const BlockShape& shape, bool to_channels_last) {
  std::vector<float> to(from.size());
  for (int64_t i = 0; i < shape.batch; i++) {
    for (int64_t c = 0; c < shape.channels; c++) {
      for (int64_t p = 0; p < shape.pixels(); p++) {
        const int64_t planar = (i * shape.channels + c) * shape.pixels() + p;
        const int64_t last = (i * shape.pixels() + p) * shape.channels + c;
        to_channels_last ? to[last] = from[planar] : to[planar] = from[last];
      }
    }
  }
  return to;
}

const BlockShape kShapes[] = {{1, 3, 2, 2}, {1, 20, 7, 5}, {2, 16, 13, 9}, {1, 80, 10, 6}, {3, 1, 4, 17}};

}  // namespace

TEST(residual_block_equals_the_plain_one) {
  for (const Kernels* kernels : supported_variants()) {
    for (const BlockShape& shape : kShapes) {
      const int64_t image = shape.channels * shape.pixels();
      const Numbers weight1 = random_numbers(shape.channels * shape.channels * 9, 1, 0.2);
      const Numbers weight2 = random_numbers(shape.channels * shape.channels * 9, 2, 0.2);
      const Numbers x = random_numbers(shape.batch * image, 3), gradient = random_numbers(shape.batch * image, 4);
      Expected all{{}, {}, Numbers(weight1.size()), Numbers(weight2.size())};
      for (int64_t sample = 0; sample < shape.batch; sample++) {
        const auto part = [&](const Numbers& of) {
          return Numbers(of.begin() + sample * image, of.begin() + (sample + 1) * image);
        };
        const Expected one =
            expected_of({shape.channels, shape.height, shape.width}, part(x), part(gradient), weight1, weight2);
        all.out.insert(all.out.end(), one.out.begin(), one.out.end());
        all.dx.insert(all.dx.end(), one.dx.begin(), one.dx.end());
        for (size_t i = 0; i < weight1.size(); i++) all.dweight1[i] += one.dweight1[i];
        for (size_t i = 0; i < weight2.size(); i++) all.dweight2[i] += one.dweight2[i];
      }
      for (const int tile : {4, 6}) {
        for (const bool channels_last : {false, true}) {
          const auto given = [&](const Numbers& planar) {
            return channels_last ? reordered(to_floats(planar), shape, true) : to_floats(planar);
          };
          const auto back = [&](const std::vector<float>& got) {
            return channels_last ? reordered(got, shape, false) : got;
          };
          const Results got = run(*kernels, shape, tile, channels_last, given(x), given(gradient), to_floats(weight1),
                                  to_floats(weight2), 3);
          const double errors[] = {relative_error(back(got.out), all.out), relative_error(back(got.dx), all.dx),
                                   relative_error(got.dweight1, all.dweight1),
                                   relative_error(got.dweight2, all.dweight2)};
          for (const double error : errors) {
            CHECK(error < 5e-5, kernels->name, ", ", shape.channels, " channels, ", shape.height, "x", shape.width,
                  ", tile ", tile, ", channels_last ", channels_last, ": out ", errors[0], ", dx ", errors[1],
                  ", dweight1 ", errors[2], ", dweight2 ", errors[3]);
          }
        }
      }
    }
  }
}

TEST(residual_block_has_the_same_bits_for_any_number_of_threads) {
  const BlockShape shape{2, 48, 21, 34};
  const auto x = to_floats(random_numbers(shape.batch * shape.channels * shape.pixels(), 5));
  const auto gradient = to_floats(random_numbers(shape.batch * shape.channels * shape.pixels(), 6));
  const auto weight = to_floats(random_numbers(shape.channels * shape.channels * 9, 7, 0.1));
  for (const Kernels* kernels : supported_variants()) {
    for (const int tile : {4, 6}) {
      const Results one = run(*kernels, shape, tile, false, x, gradient, weight, weight, 1);
      for (const int count : {2, 3, 7}) {
        const Results many = run(*kernels, shape, tile, false, x, gradient, weight, weight, count);
        CHECK(one.out == many.out, kernels->name, ", ", count, " threads");
        CHECK(one.dx == many.dx, kernels->name, ", ", count, " threads");
        CHECK(one.dweight1 == many.dweight1 && one.dweight2 == many.dweight2, kernels->name, ", ", count, " threads");
      }
    }
  }
}

TEST(residual_block_keeps_its_digits_far_from_zero) {
  const BlockShape shape{1, 16, 12, 12};
  const Numbers near = random_numbers(shape.channels * shape.pixels(), 8), weight = random_numbers(16 * 16 * 9, 9, 0.2);
  Numbers far = near;
  for (double& value : far) value = static_cast<float>(value + 1e4);
  const Expected expected = expected_of({16, 12, 12}, far, near, weight, weight);
  for (const Kernels* kernels : supported_variants()) {
    const Results got =
        run(*kernels, shape, 6, false, to_floats(far), to_floats(near), to_floats(weight), to_floats(weight), 1);
    // What the block adds to x, in float32 steps of about 1e-3 at 1e4.
    for (size_t i = 0; i < expected.out.size(); i++) {
      CHECK(std::abs(got.out[i] - expected.out[i]) < 2e-3, kernels->name, ": ", got.out[i], " for ", expected.out[i]);
    }
    CHECK(relative_error(got.dx, expected.dx) < 1e-4, kernels->name, ": ", relative_error(got.dx, expected.dx));
  }
}

TEST(residual_block_spreads_nan_over_the_image_that_has_it) {
  const BlockShape shape{2, 16, 8, 8};
  const int64_t image = shape.channels * shape.pixels();
  const auto weight = to_floats(random_numbers(16 * 16 * 9, 10, 0.2));
  for (const float poison : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto x = to_floats(random_numbers(2 * image, 11));
    x[image / 3] = poison;
    for (const Kernels* kernels : supported_variants()) {
      const Results got = run(*kernels, shape, 4, false, x, x, weight, weight, 1);
      for (int64_t i = 0; i < image; i++) {
        CHECK(std::isnan(got.out[i]), kernels->name, ": a number at ", i);
        CHECK(std::isfinite(got.out[image + i]), kernels->name, ": none at ", i, " of the other image");
      }
    }
  }
}

TEST(bfloat16_images_are_rounded_to_nearest) {
  const BlockShape shape{1, 5, 2, 3};
  std::vector<uint16_t> image(30);
  for (size_t i = 0; i < image.size(); i++) image[i] = static_cast<uint16_t>(0x3f80 + i);  // 1, 1 + 1/128, ...
  for (const Kernels* kernels : supported_variants()) {
    for (const bool channels_last : {false, true}) {
      std::vector<float> pixels(shape.floats(), -1);
      kernels->residual_block.to_pixels(shape, {image.data(), channels_last, true}, pixels.data(), threads(2));
      for (int64_t p = 0; p < 6; p++) {
        for (int64_t c = 0; c < 16; c++) {
          const int64_t at = channels_last ? p * 5 + c : c * 6 + p;
          const float expected = c < 5 ? 1 + static_cast<float>(at) / 128 : 0;
          CHECK(pixels[p * 16 + c] == expected, kernels->name, ": ", pixels[p * 16 + c], " for ", expected);
        }
      }
    }
  }
}

TEST(residual_block_works_through_several_bands) {
  const BlockShape shape{1, 4, 76, 1100};  // 19 rows of 275 tiles, in two bands
  const int64_t image = shape.channels * shape.pixels();
  const Numbers x = random_numbers(image, 12), gradient = random_numbers(image, 13);
  const Numbers weight1 = random_numbers(4 * 4 * 9, 14, 0.2), weight2 = random_numbers(4 * 4 * 9, 15, 0.2);
  const Expected expected = expected_of({4, shape.height, shape.width}, x, gradient, weight1, weight2);
  for (const Kernels* kernels : supported_variants()) {
    const auto on = [&](int count) {
      return run(*kernels, shape, 4, false, to_floats(x), to_floats(gradient), to_floats(weight1), to_floats(weight2),
                 count);
    };
    const Results one = on(1);
    // A few of 300,000 activations lie so near to zero that rounding decides on them: hence the wide limits.
    CHECK(relative_error(one.out, expected.out) < 1e-5, kernels->name, ": ", relative_error(one.out, expected.out));
    CHECK(relative_error(one.dx, expected.dx) < 1e-2, kernels->name, ": ", relative_error(one.dx, expected.dx));
    CHECK(relative_error(one.dweight1, expected.dweight1) < 1e-2, kernels->name, ": ",
          relative_error(one.dweight1, expected.dweight1));
    CHECK(relative_error(one.dweight2, expected.dweight2) < 1e-5, kernels->name, ": ",
          relative_error(one.dweight2, expected.dweight2));
    for (const int count : {2, 3, 7}) {
      const Results many = on(count);
      CHECK(one.dx == many.dx && one.dweight1 == many.dweight1 && one.dweight2 == many.dweight2, kernels->name,
            ": other bits on ", count, " threads");
    }
  }
}
