// Between a caller's images and the pixels [N, H, W, P] that the kernels work on.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/residual_block/residual_block.h"
#include "cpu/runtime/elements.inl.h"
#include "cpu/runtime/scratch.h"

namespace i2i::cpu {
namespace I2I_VARIANT {

// `count` pixels of one image, from `first` on, of planes [C, H * W] to pixels [count, P].
template <class Element>
void planes_to_pixels(const BlockShape& shape, const Element* planes, int64_t first, int64_t count, float* pixels) {
  const int64_t padded = shape.padded();
  for (int64_t channel = 0; channel < padded; channel += kVectorFloats) {
    const int64_t channels = std::clamp<int64_t>(shape.channels - channel, 0, kVectorFloats);
    const Element* from = planes + channel * shape.pixels() + first;
    int64_t pixel = 0;
    for (; pixel + kVectorFloats <= count; pixel += kVectorFloats) {
      Vector rows[kVectorFloats];
      for (int64_t c = 0; c < kVectorFloats; c++) {
        rows[c] = c < channels ? load(from + c * shape.pixels() + pixel) : Vector{};
      }
      transpose(rows);
      for (int64_t p = 0; p < kVectorFloats; p++) store(pixels + (pixel + p) * padded + channel, rows[p]);
    }
    if (pixel == count) continue;
    Vector rows[kVectorFloats] = {};
    for (int64_t c = 0; c < channels; c++) rows[c] = load_part(from + c * shape.pixels() + pixel, count - pixel);
    transpose(rows);
    for (int64_t p = 0; p < count - pixel; p++) store(pixels + (pixel + p) * padded + channel, rows[p]);
  }
}

// The other way round.
template <class Element>
void pixels_to_planes(const BlockShape& shape, const float* pixels, int64_t first, int64_t count, Element* planes) {
  const int64_t padded = shape.padded();
  for (int64_t channel = 0; channel < shape.channels; channel += kVectorFloats) {
    const int64_t channels = std::min<int64_t>(shape.channels - channel, kVectorFloats);
    Element* to = planes + channel * shape.pixels() + first;
    int64_t pixel = 0;
    for (; pixel + kVectorFloats <= count; pixel += kVectorFloats) {
      Vector rows[kVectorFloats];
      for (int64_t p = 0; p < kVectorFloats; p++) rows[p] = load(pixels + (pixel + p) * padded + channel);
      transpose(rows);
      for (int64_t c = 0; c < channels; c++) store(to + c * shape.pixels() + pixel, rows[c]);
    }
    if (pixel == count) continue;
    Vector rows[kVectorFloats] = {};
    for (int64_t p = 0; p < count - pixel; p++) rows[p] = load(pixels + (pixel + p) * padded + channel);
    transpose(rows);
    for (int64_t c = 0; c < channels; c++) store_part(to + c * shape.pixels() + pixel, rows[c], count - pixel);
  }
}

template <class Element>
void read_row(const BlockShape& shape, const Image& image, int64_t sample, int64_t row, float* pixels) {
  const Element* from = static_cast<const Element*>(image.data) + sample * shape.pixels() * shape.channels;
  if (!image.channels_last) return planes_to_pixels(shape, from, row * shape.width, shape.width, pixels);
  from += row * shape.width * shape.channels;
  for (int64_t pixel = 0; pixel < shape.width; pixel++, from += shape.channels, pixels += shape.padded()) {
    int64_t c = 0;
    for (; c + kVectorFloats <= shape.channels; c += kVectorFloats) store(pixels + c, load(from + c));
    for (; c < shape.padded(); c += kVectorFloats) {
      store(pixels + c, c < shape.channels ? load_part(from + c, shape.channels - c) : Vector{});
    }
  }
}

template <class Element>
void write_row(const BlockShape& shape, const float* pixels, int64_t sample, int64_t row, const Image& image) {
  Element* to = static_cast<Element*>(image.data) + sample * shape.pixels() * shape.channels;
  if (!image.channels_last) return pixels_to_planes(shape, pixels, row * shape.width, shape.width, to);
  to += row * shape.width * shape.channels;
  for (int64_t pixel = 0; pixel < shape.width; pixel++, to += shape.channels, pixels += shape.padded()) {
    int64_t c = 0;
    for (; c + kVectorFloats <= shape.channels; c += kVectorFloats) store(to + c, load(pixels + c));
    if (c < shape.channels) store_part(to + c, load(pixels + c), shape.channels - c);
  }
}

inline void to_pixels(const BlockShape& shape, const Image& image, float* pixels, const Parallel& parallel) {
  parallel(shape.batch * shape.height, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; item++) {
      float* to = pixels + item * shape.width * shape.padded();
      const int64_t sample = item / shape.height, row = item % shape.height;
      image.bfloat16 ? read_row<uint16_t>(shape, image, sample, row, to)
                     : read_row<float>(shape, image, sample, row, to);
    }
  });
}

// Gives one row of an image at a time to be filled with pixels [W, P], in place where the image is made of pixels.
class RowWriter {
 public:
  RowWriter(const BlockShape& shape, const Image& image)
      : shape_(shape),
        image_(image),
        in_place_(image.channels_last && !image.bfloat16 && shape.padded() == shape.channels),
        row_(in_place_ ? 0 : shape.width * shape.padded()) {}

  template <class Fill>
  void operator()(int64_t sample, int64_t row, const Fill& fill) {
    if (in_place_) {
      return fill(static_cast<float*>(image_.data) + (sample * shape_.height + row) * shape_.width * shape_.padded());
    }
    fill(static_cast<float*>(row_));
    image_.bfloat16 ? write_row<uint16_t>(shape_, row_, sample, row, image_)
                    : write_row<float>(shape_, row_, sample, row, image_);
  }

 private:
  const BlockShape& shape_;
  const Image& image_;
  bool in_place_;
  Scratch row_;
};

}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
