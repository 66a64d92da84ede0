#include "cpu/residual_block/filter_cache.h"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "cpu/runtime/environment.h"

namespace i2i::cpu {

namespace {

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87, kPrime2 = 0xC2B2AE3D27D4EB4F;

uint64_t round_of(uint64_t state, uint64_t word) {
  state += word * kPrime2;
  state = state << 31 | state >> 33;
  return state * kPrime1;
}

uint64_t fingerprint_of_part(const float* values, int64_t count) {
  constexpr int kLanes = 8;
  constexpr int64_t kStep = 2 * kLanes;  // floats
  uint64_t lanes[kLanes];
  for (int lane = 0; lane < kLanes; lane++) lanes[lane] = kPrime1 * static_cast<uint64_t>(lane + 1);
  const auto mix = [&](const float* from) {
    uint64_t words[kLanes];
    std::memcpy(words, from, sizeof words);
    for (int lane = 0; lane < kLanes; lane++) lanes[lane] = round_of(lanes[lane], words[lane]);
  };
  int64_t at = 0;
  for (; at + kStep <= count; at += kStep) {
    __builtin_prefetch(values + at + 16 * kStep);
    mix(values + at);
  }
  if (at < count) {
    float rest[kStep] = {};
    std::memcpy(rest, values + at, (count - at) * sizeof(float));
    mix(rest);
  }
  uint64_t all = static_cast<uint64_t>(count);
  for (const uint64_t lane : lanes) all = round_of(all, lane);
  return all ^ all >> 32;
}

// Floats aligned to a cache line, as packed filters must be.
std::shared_ptr<float> aligned_floats(int64_t count) {
  const size_t bytes = (count * sizeof(float) + 63) / 64 * 64;
  auto* data = static_cast<float*>(std::aligned_alloc(64, bytes));
  if (!data) throw std::bad_alloc();
  return {data, [](float* floats) { std::free(floats); }};
}

}  // namespace

uint64_t fingerprint(const float* values, int64_t count, const Parallel& parallel) {
  constexpr int64_t kPart = 1 << 15;
  std::vector<uint64_t> parts((count + kPart - 1) / kPart);
  parallel(static_cast<int64_t>(parts.size()), [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; part++) {
      parts[part] = fingerprint_of_part(values + part * kPart, std::min(kPart, count - part * kPart));
    }
  });
  uint64_t all = 0;
  for (const uint64_t part : parts) all = round_of(all, part);
  return all;
}

FilterCache& FilterCache::instance() {
  static auto* cache = new FilterCache();  // never destroyed: threads may outlive the end of main
  return *cache;
}

FilterCache::FilterCache() : limit_(bytes_from_environment("I2I_FILTER_CACHE_MB", 1024)) {
  // A child must not inherit the mutex from a thread that it does not have.
  pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                 [] { instance().mutex_.unlock(); });
}

std::shared_ptr<const float> FilterCache::packed(const ResidualBlockKernels& kernels, const float* weight,
                                                 const void* owner, int64_t channels, int tile,
                                                 const Parallel& parallel) {
  const int64_t count = kernels.packed_floats(channels, tile);
  Entry entry{&kernels,
              owner,
              channels,
              tile,
              fingerprint(weight, channels * channels * 9, parallel),
              count * static_cast<int64_t>(sizeof(float)),
              nullptr};
  if (auto kept = find(entry)) return kept;
  // Without the mutex, so that others can continue. Two threads may pack the same filters, which only wastes time.
  const std::shared_ptr<float> filters = aligned_floats(count);
  kernels.pack_filters(weight, channels, tile, Direction::kForward, filters.get(), parallel);
  entry.filters = filters;
  keep(entry);
  return filters;
}

std::shared_ptr<const float> FilterCache::find(const Entry& wanted) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (!entry->is_for(wanted) || entry->fingerprint != wanted.fingerprint) continue;
    entries_.splice(entries_.begin(), entries_, entry);
    return entries_.front().filters;
  }
  return nullptr;
}

void FilterCache::keep(const Entry& entry) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto old = entries_.begin(); old != entries_.end(); ++old) {
    if (!old->is_for(entry) || old->owner != entry.owner) continue;
    bytes_ -= old->bytes;
    entries_.erase(old);
    break;
  }
  entries_.push_front(entry);
  bytes_ += entry.bytes;
  while (bytes_ > limit_) {
    bytes_ -= entries_.back().bytes;
    entries_.pop_back();
  }
}

}  // namespace i2i::cpu
