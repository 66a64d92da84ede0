#include "cpu/runtime/scratch.h"

#include <pthread.h>

#include <cstdlib>
#include <list>
#include <mutex>
#include <new>

#include "cpu/runtime/environment.h"

namespace i2i::cpu {

namespace {

// Blocks that nobody uses, the one given back last first.
class Pool {
 public:
  static Pool& instance() {
    static auto* pool = new Pool();  // never destroyed: threads may outlive the end of main
    return *pool;
  }

  // A block of at least `bytes`, and at most twice that, or null. Sets bytes to its size.
  float* take(int64_t& bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto best = blocks_.end();
    for (auto block = blocks_.begin(); block != blocks_.end(); ++block) {
      if (block->bytes < bytes || block->bytes > 2 * bytes) continue;
      if (best == blocks_.end() || block->bytes < best->bytes) best = block;
    }
    if (best == blocks_.end()) return nullptr;
    float* data = best->data;
    bytes = best->bytes;
    kept_ -= bytes;
    blocks_.erase(best);
    return data;
  }

  void give_back(float* data, int64_t bytes) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    try {
      blocks_.push_front({data, bytes});
    } catch (const std::bad_alloc&) {
      std::free(data);
      return;
    }
    kept_ += bytes;
    while (kept_ > limit_) {
      std::free(blocks_.back().data);
      kept_ -= blocks_.back().bytes;
      blocks_.pop_back();
    }
  }

 private:
  struct Block {
    float* data;
    int64_t bytes;
  };

  Pool() : limit_(bytes_from_environment("I2I_SCRATCH_MB", 256)) {
    // A child must not inherit the mutex from a thread that it does not have.
    pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                   [] { instance().mutex_.unlock(); });
  }

  std::mutex mutex_;
  std::list<Block> blocks_;
  int64_t kept_ = 0, limit_;
};

}  // namespace

Scratch::Scratch(int64_t floats) : bytes_((floats * static_cast<int64_t>(sizeof(float)) + 63) / 64 * 64) {
  data_ = bytes_ ? Pool::instance().take(bytes_) : nullptr;
  if (!data_ && bytes_) data_ = static_cast<float*>(std::aligned_alloc(64, bytes_));
  if (!data_ && bytes_) throw std::bad_alloc();
}

Scratch::~Scratch() {
  if (data_) Pool::instance().give_back(data_, bytes_);
}

}  // namespace i2i::cpu
