// How a pass over planes is cut into blocks: a function of the shape and of the device's shared memory, so that one
// device gives the same bits at every run. Host code without torch or CUDA.
#pragma once

#include <algorithm>

#include "cuda/runtime/arguments.h"

namespace i2i::cuda {

enum class Path {
  resident,       // contiguous; one block a plane, which stays in shared memory: everything in one launch
  split,          // contiguous; several blocks a plane: one launch for the statistics or sums, one that writes
  channels_last,  // several blocks for a group of channels, in two launches as well
};

struct Plan {
  Path path;
  int threads;               // of a block, a power of two
  int splits;                // blocks that share a plane or a group of channels in the launch that reduces
  int writers;               // the same in the launch that writes
  size_t shared_bytes;       // dynamic shared memory of a block, resident only
  int64_t workspace_floats;  // scratch memory in global memory
};

constexpr int kMinThreads = 64, kMaxThreads = 1024;
// A thread of a resident block holds about this much of the planes: with it every architecture keeps at least half of
// its threads busy, as its shared memory per thread is 64 bytes or more.
constexpr int kResidentBytesPerThread = 64;
constexpr int kSplitThreads = 256;
// Elements that are worth a block of their own.
constexpr int kSplitElements = 4096;
// Every block of the second launch reads all partial results of its planes, so they must stay few: in channels_last,
// where a block has many planes, fewer than there are blocks to write.
constexpr int kMaxSplits = 64;
constexpr int kChannelsLastReducedElements = 4 * kSplitElements, kChannelsLastWrittenElements = 2 * kSplitElements;
// Static shared memory of the reductions, rounded up.
constexpr size_t kReductionBytes = 1024;
// Of a partial result: in channels_last the count follows from the place.
constexpr int kMomentFloats = 3, kChannelsLastMomentFloats = 2, kSumFloats = 2;

// A power of two: with 64 registers a thread, which the kernels may have, other sizes leave registers over, and so less
// than half of the threads of a multiprocessor busy.
inline int threads_for(int64_t wanted, int most) {
  int threads = kMinThreads;
  while (threads < wanted && threads < most) threads *= 2;
  return threads;
}

inline int64_t rounded_up(int64_t value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

// What a launch with this much dynamic shared memory has to ask the device for first, or 0. Every device grants 48 KiB
// unasked, static memory included. It is always all that the device has: were it what this launch needs, another thread
// that asks for less could take it away before the launch. limit_of_device() is called only where it counts.
template <class Limit>
size_t shared_bytes_to_ask_for(size_t dynamic, const Limit& limit_of_device) {
  if (dynamic + kReductionBytes <= (48 << 10)) return 0;
  const size_t limit = limit_of_device();
  return std::max(dynamic, limit > kReductionBytes ? limit - kReductionBytes : 0);
}

// Shared memory for `size` elements which start up to 16 bytes after a boundary, as they do in global memory.
inline size_t shared_bytes(int64_t size, Type type) { return rounded_up(size * bytes_of(type) + 16, 16); }

// The threads along the channels of a channels_last block; each has 16 bytes of a pixel's channels, or one channel.
constexpr int lanes_of(int width) { return width == 1 ? 32 : 4; }

inline int divided_up(int64_t value, int64_t divisor) { return static_cast<int>((value + divisor - 1) / divisor); }

// `resident`: bytes a block would hold; `floats`: a partial result's.
inline Plan plan(const Shape& shape, size_t resident, size_t shared_limit, int floats, bool one_launch) {
  Plan plan{};
  if (!shape.channels_last && one_launch && resident + kReductionBytes <= shared_limit) {
    plan.path = Path::resident;
    plan.threads = threads_for(divided_up(resident, kResidentBytesPerThread), kMaxThreads);
    plan.splits = plan.writers = 1;
    plan.shared_bytes = resident;
    return plan;
  }
  plan.path = shape.channels_last ? Path::channels_last : Path::split;
  plan.threads = shape.channels_last ? kSplitThreads : threads_for(shape.plane_size() / 4, kSplitThreads);
  const int channels_together = shape.channels_last ? lanes_of(16) * 16 / bytes_of(shape.type) : 1;
  const int64_t elements = shape.plane_size() * channels_together;
  const auto blocks = [&](int64_t of) { return std::clamp(divided_up(elements, of), 1, kMaxSplits); };
  plan.splits = blocks(shape.channels_last ? kChannelsLastReducedElements : kSplitElements);
  plan.writers = blocks(shape.channels_last ? kChannelsLastWrittenElements : kSplitElements);
  plan.workspace_floats = floats * shape.planes() * plan.splits;
  return plan;
}

// `shared_limit`: bytes of shared memory a block may have. Statistics that are given leave nothing to reduce, so
// every plane can be shared by several blocks.
inline Plan plan_forward(const Shape& shape, bool statistics_given, size_t shared_limit) {
  return plan(shape, shared_bytes(shape.plane_size(), shape.type), shared_limit,
              shape.channels_last ? kChannelsLastMomentFloats : kMomentFloats, !statistics_given);
}

// A block holds x and the gradient. The sums of every plane are kept for the parameters' gradients.
inline Plan plan_backward(const Shape& shape, size_t shared_limit) {
  Plan made = plan(shape, shared_bytes(shape.plane_size(), shape.type) + shared_bytes(shape.padded_size(), shape.type),
                   shared_limit, kSumFloats, true);
  made.workspace_floats += kSumFloats * shape.planes();
  return made;
}

// For passes that reduce nothing.
inline Plan plan_copy(const Shape& shape) {
  Plan made = plan(shape, 0, 0, 0, false);
  made.workspace_floats = 0;
  return made;
}

}  // namespace i2i::cuda
