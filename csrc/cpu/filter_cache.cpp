#include "cpu/filter_cache.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

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
  uint64_t lanes[kLanes], words[kLanes];
  for (int lane = 0; lane < kLanes; lane++) lanes[lane] = kPrime1 * static_cast<uint64_t>(lane + 1);
  constexpr int64_t kStep = 2 * kLanes;  // floats
  for (int64_t at = 0; at < count; at += kStep) {
    std::memset(words, 0, sizeof(words));
    std::memcpy(words, values + at, std::min(kStep, count - at) * sizeof(float));
    for (int lane = 0; lane < kLanes; lane++) lanes[lane] = round_of(lanes[lane], words[lane]);
  }
  uint64_t all = static_cast<uint64_t>(count);
  for (const uint64_t lane : lanes) all = round_of(all, lane);
  return all ^ all >> 32;
}

int64_t limit_from_environment() {
  const char* megabytes = std::getenv("I2I_FILTER_CACHE_MB");
  return (megabytes ? std::max(std::atoll(megabytes), 0LL) : 1024LL) << 20;
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

std::shared_ptr<float> aligned_floats(int64_t count) {
  const size_t bytes = (count * sizeof(float) + 63) / 64 * 64;
  auto* data = static_cast<float*>(std::aligned_alloc(64, bytes));
  if (!data) throw std::bad_alloc();
  return {data, [](float* floats) { std::free(floats); }};
}

FilterCache& FilterCache::instance() {
  static auto* cache = new FilterCache();  // never destroyed: threads may outlive the end of main
  return *cache;
}

FilterCache::FilterCache() : limit_(limit_from_environment()) {}

std::shared_ptr<const float> FilterCache::packed(const ResidualBlockKernels& kernels, const float* weight,
                                                 int64_t channels, int tile, const Parallel& parallel) {
  const uint64_t content = fingerprint(weight, channels * channels * 9, parallel);
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto find = [&](const auto& matches) {
    return std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.kernels == &kernels && entry.channels == channels && entry.tile == tile && matches(entry);
    });
  };
  const auto kept = find([&](const Entry& entry) { return entry.fingerprint == content; });
  if (kept != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, kept);
    return kept->filters;
  }
  const auto outdated = find([&](const Entry& entry) { return entry.weight == weight; });
  if (outdated != entries_.end()) {
    bytes_ -= outdated->bytes;
    entries_.erase(outdated);
  }
  const int64_t count = kernels.packed_floats(channels, tile);
  const std::shared_ptr<float> filters = aligned_floats(count);
  kernels.pack_filters(weight, channels, tile, Direction::kForward, filters.get(), parallel);
  const int64_t bytes = count * static_cast<int64_t>(sizeof(float));
  entries_.push_front({&kernels, weight, channels, tile, content, bytes, filters});
  bytes_ += bytes;
  shrink();
  return filters;
}

void FilterCache::shrink() {
  while (bytes_ > limit_ && !entries_.empty()) {
    bytes_ -= entries_.back().bytes;
    entries_.pop_back();
  }
}

}  // namespace i2i::cpu
