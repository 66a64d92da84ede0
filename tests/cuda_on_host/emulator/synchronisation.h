// Barriers of a block and operations of a warp.
#pragma once

#include <cstring>

#include "block.h"

// The caller's place in the source, for messages.
#define CUDA_ON_HOST_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

namespace cuda_on_host {

// Waits until all of the block's threads are here. Returns how many of them gave a vote other than 0.
int barrier(int vote, const char* operation, const char* file, int line);

// Called once for a warp operation, with the arguments of the lanes in the mask (null for the others).
using WarpFunction = void (*)(void* const* arguments, unsigned mask);

// Waits until every lane named by the mask is at this operation with the same mask; the last one to come runs
// `function`. So lanes may come in any order and lanes outside the mask may be elsewhere.
void warp_operation(unsigned mask, void* argument, WarpFunction function, const char* operation, const char* file,
                    int line);

// ThreadSanitizer: what lanes did before a __syncwarp is seen after it. Shuffles and votes promise no such thing.
void release_warp();
void acquire_warp();

template <class T>
struct ShuffleArgument {
  T given, taken;
  int source;
  bool outside;  // the source lane takes no part
};

template <class T>
CUDA_ON_HOST_UNWATCHED void shuffle_lanes(void* const* arguments, unsigned mask) {
  for (int lane = 0; lane < 32; ++lane) {
    if (!(mask >> lane & 1)) continue;
    auto* const mine = static_cast<ShuffleArgument<T>*>(arguments[lane]);
    if (mask >> mine->source & 1)
      mine->taken = static_cast<ShuffleArgument<T>*>(arguments[mine->source])->given;
    else
      mine->outside = true;
  }
}

template <class T>
T shuffle(unsigned mask, T value, int source, const char* operation, const char* file, int line) {
  ShuffleArgument<T> argument{value, value, source, false};
  warp_operation(mask, &argument, shuffle_lanes<T>, operation, file, line);
  if (argument.outside) {
    fail(self(), "a shuffle reads lane " + std::to_string(source) + ", which is not in the mask: " + where(self()));
  }
  return argument.taken;
}

// Bit i: lane i is in the mask and gave something other than 0.
unsigned ballot(unsigned mask, int predicate, const char* operation, const char* file, int line);

}  // namespace cuda_on_host
