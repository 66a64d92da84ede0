// Memory that a kernel needs while it runs.
#pragma once

#include <cstdint>

namespace i2i::cpu {

// Uninitialised floats, aligned to a cache line. They come from memory that earlier calls have given back, since pages
// fresh from the system cost a fault each: at these sizes a tenth of a training step. What is kept for reuse is limited
// to 256 MiB, or what I2I_SCRATCH_MB says. Safe to use from several threads.
class Scratch {
 public:
  explicit Scratch(int64_t floats);
  ~Scratch();
  Scratch(Scratch&& other) noexcept : data_(other.data_), bytes_(other.bytes_) { other.data_ = nullptr; }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  Scratch& operator=(Scratch&&) = delete;

  operator float*() const { return data_; }

 private:
  float* data_;
  int64_t bytes_;
};

}  // namespace i2i::cpu
