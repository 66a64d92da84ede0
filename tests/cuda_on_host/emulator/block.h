// A running block and its CUDA threads, each a fiber: an own stack, switched to and from by hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "environment.h"

namespace cuda_on_host {

// How a grid is run.
struct Options {
  enum Order { ascending, descending, random };
  Order order = ascending;  // of a block's threads, and of the blocks
  unsigned seed = 1;        // of the random order, and of the garbage in shared memory
  int workers = 1;          // threads of the operating system, each running its share of the blocks
};
inline Options& options() {
  static Options chosen;
  return chosen;
}

constexpr size_t kStackBytes = 64 << 10;

enum class State : uint8_t { ready, at_barrier, at_warp_operation, finished, failed };

struct Block;

struct Thread {
  uint3 index{};
  unsigned number = 0;  // in the block; number % 32 is the lane
  Block* block = nullptr;
  State state = State::ready;

  // What it waits for.
  const char* operation = "";
  const char* file = "";
  int line = 0;
  unsigned mask = 0;         // warp operation
  void* argument = nullptr;  // warp operation
  int vote = 0, votes = 0;   // barrier that counts

  void* stack_pointer = nullptr;
  char* stack = nullptr;
#ifdef CUDA_ON_HOST_THREAD_SANITIZER
  void* fiber = nullptr;
  bool started = false;
#endif
#ifdef CUDA_ON_HOST_ADDRESS_SANITIZER
  void* fake_stack = nullptr;
#endif
};

// Bytes of global memory that were asked for. `wide`: by accesses of 16 bytes.
struct Traffic {
  int64_t read = 0, written = 0, wide_read = 0, wide_written = 0;
  void add(const Traffic& other) {
    read += other.read;
    written += other.written;
    wide_read += other.wide_read;
    wide_written += other.wide_written;
  }
};

struct Block {
  uint3 index{};
  dim3 size{}, grid{};
  std::vector<Thread> threads;
  const std::function<void()>* kernel = nullptr;
  unsigned char* dynamic_shared = nullptr;
  size_t dynamic_shared_bytes = 0;
  const unsigned char* static_shared = nullptr;
  size_t static_shared_bytes = 0;
  Traffic traffic;
  std::string error;

  // The scheduler's own place, to which threads switch back.
  void* stack_pointer = nullptr;
  unsigned barriers = 0;
  char barrier_passed[2] = {}, thread_finished = 0;  // addresses that ThreadSanitizer knows an order by
#ifdef CUDA_ON_HOST_THREAD_SANITIZER
  void* fiber = nullptr;
#endif
#ifdef CUDA_ON_HOST_ADDRESS_SANITIZER
  void* fake_stack = nullptr;
  const void* stack_bottom = nullptr;
  size_t stack_size = 0;
#endif
};

// Stacks of one worker, each with a guard page below, and what ThreadSanitizer keeps of a fiber; reused from block to
// block.
class Stacks {
 public:
  ~Stacks();
  char* get(size_t number);
#ifdef CUDA_ON_HOST_THREAD_SANITIZER
  void* fiber(size_t number);
#endif

 private:
  std::vector<char*> stacks_;
  std::vector<void*> fibers_;
};

// The one thing that is thread_local besides shared memory: garbage is written over all of it (scheduler.cpp), then
// this is put back.
struct Running {
  Thread* thread;
  Stacks* stacks;
};
inline thread_local Running running{nullptr, nullptr};

inline Thread& self() { return *running.thread; }

// Ends the thread and the run with this error.
[[noreturn]] void fail(Thread& thread, const std::string& error);
std::string where(const Thread& thread);

}  // namespace cuda_on_host
