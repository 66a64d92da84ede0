#include "synchronisation.h"

#include <algorithm>

#include "fiber.h"

namespace cuda_on_host {

CUDA_ON_HOST_UNWATCHED int barrier(int vote, const char* operation, const char* file, int line) {
  Thread& thread = self();
  thread.operation = operation;
  thread.file = file;
  thread.line = line;
  thread.vote = vote;
  thread.state = State::at_barrier;
#ifdef CUDA_ON_HOST_THREAD_SANITIZER
  // Two addresses in turn: a thread that leaves this barrier must not order the ones that come to the next.
  char* const passed = &thread.block->barrier_passed[thread.block->barriers % 2];
  __tsan_release(passed);
#endif
  switch_to_scheduler(thread);
#ifdef CUDA_ON_HOST_THREAD_SANITIZER
  __tsan_acquire(passed);
#endif
  return thread.votes;
}

CUDA_ON_HOST_UNWATCHED void warp_operation(unsigned mask, void* argument, WarpFunction function, const char* operation,
                                           const char* file, int line) {
  Thread& thread = self();
  Block& block = *thread.block;
  const unsigned lane = thread.number % 32, first = thread.number - lane;
  const unsigned lanes = std::min<unsigned>(32, static_cast<unsigned>(block.threads.size()) - first);
  const unsigned existing = lanes == 32 ? 0xffffffffu : (1u << lanes) - 1;
  thread.operation = operation;
  thread.file = file;
  thread.line = line;
  thread.mask = mask;
  thread.argument = argument;
  thread.state = State::at_warp_operation;
  if (!(mask >> lane & 1)) fail(thread, "a lane is not in its own mask: " + where(thread));
  if (mask & ~existing) fail(thread, "a mask names lanes that the block does not have: " + where(thread));
  void* arguments[32] = {};
  for (unsigned i = 0; i < lanes; ++i) {
    if (!(mask >> i & 1)) continue;
    const Thread& other = block.threads[first + i];
    const bool here = other.state == State::at_warp_operation && other.mask == mask && other.line == line &&
                      other.operation == operation && std::strcmp(other.file, file) == 0;
    if (!here) {
      switch_to_scheduler(thread);  // the last lane to come makes this one ready
      return;
    }
    arguments[i] = other.argument;
  }
  function(arguments, mask);
  for (unsigned i = 0; i < lanes; ++i) {
    if (mask >> i & 1) block.threads[first + i].state = State::ready;
  }
}

void release_warp() {
#ifdef CUDA_ON_HOST_THREAD_SANITIZER
  __tsan_release(&self().block->threads[self().number / 32 * 32]);
#endif
}

void acquire_warp() {
#ifdef CUDA_ON_HOST_THREAD_SANITIZER
  __tsan_acquire(&self().block->threads[self().number / 32 * 32]);
#endif
}

namespace {

struct VoteArgument {
  int predicate;
  unsigned ballot;
};

CUDA_ON_HOST_UNWATCHED void count_votes(void* const* arguments, unsigned mask) {
  unsigned ballot = 0;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1) && static_cast<VoteArgument*>(arguments[lane])->predicate != 0) ballot |= 1u << lane;
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (mask >> lane & 1) static_cast<VoteArgument*>(arguments[lane])->ballot = ballot;
  }
}

}  // namespace

unsigned ballot(unsigned mask, int predicate, const char* operation, const char* file, int line) {
  VoteArgument argument{predicate, 0};
  warp_operation(mask, &argument, count_votes, operation, file, line);
  return argument.ballot;
}

}  // namespace cuda_on_host
