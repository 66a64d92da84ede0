// Filters packed for inference, kept from call to call.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

#include "cpu/runtime/kernels.h"

namespace i2i::cpu {

// Keeps packed filters as long as the weights have the same content. The content is what is compared, by a 64-bit
// fingerprint of every float: torch's version counters do not see what is written through `.data`.
//
// Weights that have changed in place lose their old filters at once. Beyond that the least recently used go first when
// the limit is reached: 1 GiB, or what I2I_FILTER_CACHE_MB says. Safe to use from several threads.
class FilterCache {
 public:
  static FilterCache& instance();

  // Packed filters of weight [C, C, 3, 3]. `owner` is where the caller's own tensor lies: the same address with another
  // content has changed in place.
  std::shared_ptr<const float> packed(const ResidualBlockKernels& kernels, const float* weight, const void* owner,
                                      int64_t channels, int tile, const Parallel& parallel);

 private:
  struct Entry {
    const ResidualBlockKernels* kernels;
    const void* owner;
    int64_t channels;
    int tile;
    uint64_t fingerprint;
    int64_t bytes;
    std::shared_ptr<const float> filters;

    bool is_for(const Entry& other) const {
      return kernels == other.kernels && channels == other.channels && tile == other.tile;
    }
  };

  FilterCache();
  std::shared_ptr<const float> find(const Entry& wanted);
  void keep(const Entry& entry);

  std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first; few enough to be searched one by one
  int64_t bytes_ = 0, limit_;
};

// A fingerprint of `count` floats: the rounds of xxHash64 (Collet, 2012) over fixed parts, whatever the threads.
uint64_t fingerprint(const float* values, int64_t count, const Parallel& parallel);

}  // namespace i2i::cpu
