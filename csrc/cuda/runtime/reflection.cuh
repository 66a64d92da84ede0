// Reflection padding as index arithmetic: where the padded plane takes an element from, and which elements of the
// padded plane were taken from one place. The padding is less than the plane's sides, as in torch.nn.ReflectionPad2d.
#pragma once

#include "cuda/runtime/elements.cuh"

namespace i2i::cuda {

struct Plane {
  int height, width, padding;

  __host__ __device__ int size() const { return height * width; }
  __host__ __device__ int padded_height() const { return height + 2 * padding; }
  __host__ __device__ int padded_width() const { return width + 2 * padding; }
  __host__ __device__ int padded_size() const { return padded_height() * padded_width(); }
};

// -2 -1 | 0 1 2 ... n-1 | n n+1  ->  2 1 | 0 1 2 ... n-1 | n-2 n-3
__device__ __forceinline__ int reflect(int index, int size) {
  const int positive = index < 0 ? -index : index;
  return positive < size ? positive : 2 * (size - 1) - positive;
}

// The place in the plane which the padded plane's (row, column) shows.
__device__ __forceinline__ int source_of(const Plane& plane, int row, int column) {
  return reflect(row - plane.padding, plane.height) * plane.width + reflect(column - plane.padding, plane.width);
}

// COUNT neighbouring elements of the padded plane, from its flat index `index` on, taken from the plane at `source`.
template <class T, int COUNT>
__device__ __forceinline__ void read_padded(const Plane& plane, const T* source, int index, float (&values)[COUNT]) {
  if (plane.padding == 0) {
    read_run(source + index, values);
    return;
  }
  int row = index / plane.padded_width();
  int column = index - row * plane.padded_width();
  if (column >= plane.padding && column + COUNT <= plane.padding + plane.width) {
    read_run(source + source_of(plane, row, column), values);
    return;
  }
#pragma unroll
  for (int i = 0; i < COUNT; ++i) {
    values[i] = read(source + source_of(plane, row, column));
    if (++column == plane.padded_width()) {
      column = 0;
      ++row;
    }
  }
}

// The up to three places along one side of the padded plane that show `index`; -1 for none.
struct Images {
  int itself, lower, upper;  // in the plane, in the border before it, in the border behind it

  __device__ __forceinline__ Images(int index, int size, int padding)
      : itself(index + padding),
        lower(index >= 1 && index <= padding ? padding - index : -1),
        upper(index <= size - 2 && index >= size - 1 - padding ? padding + 2 * (size - 1) - index : -1) {}
  // An array would need addresses, and so memory.
  __device__ __forceinline__ int operator[](int i) const { return i == 0 ? itself : i == 1 ? lower : upper; }
};

// Calls visit(flat index) for every element of the padded plane that shows (row, column), in a fixed order.
template <class Visit>
__device__ __forceinline__ void for_each_image(const Plane& plane, int row, int column, const Visit& visit) {
  const int padding = plane.padding;
  const bool inside =
      row > padding && row < plane.height - 1 - padding && column > padding && column < plane.width - 1 - padding;
  if (padding == 0 || inside) {
    visit((row + padding) * plane.padded_width() + column + padding);
    return;
  }
  const Images rows(row, plane.height, padding), columns(column, plane.width, padding);
#pragma unroll 1  // few elements come here: registers count for more
  for (int i = 0; i < 3; ++i) {
#pragma unroll 1
    for (int j = 0; j < 3; ++j) {
      if (rows[i] >= 0 && columns[j] >= 0) visit(rows[i] * plane.padded_width() + columns[j]);
    }
  }
}

// Gradients of COUNT neighbouring elements of the plane, from flat index `index` on: sums over the padded plane's
// gradient. Every element gathers its own, so nothing has to be added atomically.
template <class T, int COUNT>
__device__ __forceinline__ void read_folded(const Plane& plane, const T* gradient, int index, float (&values)[COUNT]) {
  const int padding = plane.padding;
  if (padding == 0) {
    read_run(gradient + index, values);
    return;
  }
  int row = index / plane.width;
  int column = index - row * plane.width;
  if (row > padding && row < plane.height - 1 - padding && column > padding &&
      column + COUNT <= plane.width - 1 - padding) {
    read_run(gradient + (row + padding) * plane.padded_width() + column + padding, values);
    return;
  }
#pragma unroll
  for (int i = 0; i < COUNT; ++i) {
    float sum = 0.0f;
    for_each_image(plane, row, column, [&](int image) { sum += read(gradient + image); });
    values[i] = sum;
    if (++column == plane.width) {
      column = 0;
      ++row;
    }
  }
}

}  // namespace i2i::cuda
