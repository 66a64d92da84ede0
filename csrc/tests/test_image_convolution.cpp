// The convolutions between an image and features of every variant against plain float64.
#include "cpu/runtime/variants.h"
#include "tests/plain.h"
#include "tests/testing.h"

namespace {

using namespace i2i::cpu;
using namespace i2i::testing;

// narrow is the smaller image of kernel - 1 pixels less where it is not the input. Visits (pixel of the narrow side,
// pixel of the wide side, tap) of every product, as offsets.
template <class Visit>
void for_each_tap(const ImageConvolution& shape, bool narrow_is_input, const Visit& visit) {
  const int64_t margin = shape.kernel - 1;
  for (int64_t n = 0; n < shape.batch; n++)
    for (int64_t y = 0; y < shape.height; y++)
      for (int64_t x = 0; x < shape.width; x++)
        for (int64_t tap = 0; tap < shape.kernel * shape.kernel; tap++) {
          const int64_t out = (n * shape.height + y) * shape.width + x;
          const int64_t in =
              (n * (shape.height + margin) + y + tap / shape.kernel) * (shape.width + margin) + x + tap % shape.kernel;
          visit(narrow_is_input ? in : out, narrow_is_input ? out : in, tap);
        }
}

const ImageConvolution kShapes[] = {
    {1, 5, 31, 3, 64, 7}, {2, 4, 6, 1, 16, 4}, {1, 20, 3, 4, 48, 3}, {1, 2, 13, 2, 32, 1}};

}  // namespace

TEST(image_convolution_equals_the_plain_one) {
  for (const ImageConvolution& shape : kShapes) {
    const int64_t margin = shape.kernel - 1, taps = shape.kernel * shape.kernel;
    const int64_t outside = shape.batch * shape.height * shape.width;
    const int64_t inside = shape.batch * (shape.height + margin) * (shape.width + margin);
    const Numbers weight = random_numbers(taps * shape.narrow * shape.wide, 1);
    for (const bool expands : {true, false}) {
      const Numbers narrow = random_numbers((expands ? inside : outside) * shape.narrow, 2);
      const Numbers wide = random_numbers((expands ? outside : inside) * shape.wide, 3);
      const Numbers bias = random_numbers(expands ? shape.wide : shape.narrow, 4);
      Numbers out((expands ? outside * shape.wide : outside * shape.narrow)), dweight(weight.size());
      for (size_t i = 0; i < out.size(); i++) out[i] = bias[i % bias.size()];
      for_each_tap(shape, expands, [&](int64_t n, int64_t w, int64_t tap) {
        for (int64_t j = 0; j < shape.narrow; j++) {
          for (int64_t c = 0; c < shape.wide; c++) {
            const int64_t at = (tap * shape.narrow + j) * shape.wide + c;
            if (expands) {
              out[w * shape.wide + c] += narrow[n * shape.narrow + j] * weight[at];
            } else {
              out[n * shape.narrow + j] += wide[w * shape.wide + c] * weight[at];
            }
            dweight[at] += narrow[n * shape.narrow + j] * wide[w * shape.wide + c];
          }
        }
      });
      for (const Kernels* kernels : supported_variants()) {
        const ImageConvolutionKernels& of = kernels->image_convolution;
        std::vector<float> first, first_gradient;
        for (const int count : {1, 3}) {
          std::vector<float> got(out.size()), gradient(weight.size());
          (expands ? of.expand : of.reduce)(shape, to_floats(expands ? narrow : wide).data(), to_floats(weight).data(),
                                            to_floats(bias).data(), got.data(), threads(count));
          of.outer(shape, to_floats(narrow).data(), to_floats(wide).data(), expands, gradient.data(), threads(count));
          CHECK(relative_error(got, out) < 1e-6, kernels->name, ", expands ", expands, ": ", relative_error(got, out));
          CHECK(relative_error(gradient, dweight) < 1e-6, kernels->name, ", expands ", expands, ": ",
                relative_error(gradient, dweight));
          if (count == 1) {
            first = got;
            first_gradient = gradient;
          }
          CHECK(got == first && gradient == first_gradient, kernels->name, ": other bits on ", count, " threads");
        }
      }
    }
  }
}
