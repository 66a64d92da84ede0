#include "launch.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <thread>

#include "fiber.h"

namespace cuda_on_host {

namespace {

// Garbage for shared memory: NaN, 8e37, 0.75 and -1.5 as float32. NaN alone would let a count through that is compared
// (NaN > 0 is false), a large number alone one that is divided by.
constexpr int kGarbage[] = {0xff, 0x7e, 0x3f, 0xbf};

void fill_with_garbage(void* memory, size_t bytes) {
  std::memset(memory, kGarbage[options().seed % 4], bytes);
#ifdef CUDA_ON_HOST_VALGRIND
  VALGRIND_MAKE_MEM_UNDEFINED(memory, bytes);
#endif
}

#ifndef CUDA_ON_HOST_ADDRESS_SANITIZER
struct Region {
  unsigned char* start = nullptr;
  size_t bytes = 0;
};

// This thread's copies of all thread_local variables of this library: the kernels' __shared__ variables and `running`.
Region static_shared_memory() {
  struct Search {
    const void* within;
    Region found;
  } search{&kGarbage, {}};
  dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* data) {
        Search& search = *static_cast<Search*>(data);
        bool here = false;
        size_t bytes = 0;
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& header = object->dlpi_phdr[i];
          const auto start = object->dlpi_addr + header.p_vaddr;
          const auto within = reinterpret_cast<uintptr_t>(search.within);
          if (header.p_type == PT_LOAD && within >= start && within < start + header.p_memsz) here = true;
          if (header.p_type == PT_TLS) bytes = header.p_memsz;
        }
        if (here) search.found = {static_cast<unsigned char*>(object->dlpi_tls_data), bytes};
        return here ? 1 : 0;
      },
      &search);
  return search.found;
}
#endif

void prepare_shared_memory(Block& block) {
#ifndef CUDA_ON_HOST_ADDRESS_SANITIZER
  const Running kept = running;
  const Region region = static_shared_memory();
  if (region.start != nullptr) fill_with_garbage(region.start, region.bytes);
  running = kept;
#ifdef CUDA_ON_HOST_VALGRIND
  VALGRIND_MAKE_MEM_DEFINED(&running, sizeof running);
#endif
  block.static_shared = region.start;
  block.static_shared_bytes = region.bytes;
#endif
  if (block.dynamic_shared_bytes == 0) return;
  // Of the exact size, so that AddressSanitizer and valgrind see an access behind it.
  void* memory = nullptr;
  if (posix_memalign(&memory, 16, block.dynamic_shared_bytes) != 0) throw std::bad_alloc();
  fill_with_garbage(memory, block.dynamic_shared_bytes);
  block.dynamic_shared = static_cast<unsigned char*>(memory);
}

std::vector<size_t> thread_order(const Block& block) {
  std::vector<size_t> order(block.threads.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (options().order == Options::descending) std::reverse(order.begin(), order.end());
  if (options().order == Options::random) {
    uint64_t state = options().seed * 0x9e3779b97f4a7c15ull + block.index.x + 7919ull * block.index.y;
    for (size_t i = order.size() - 1; i > 0; --i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      std::swap(order[i], order[(state >> 33) % (i + 1)]);
    }
  }
  return order;
}

void make_threads(Block& block) {
  block.threads.assign(static_cast<size_t>(block.size.x) * block.size.y * block.size.z, Thread{});
  for (size_t i = 0; i < block.threads.size(); ++i) {
    Thread& thread = block.threads[i];
    thread.block = &block;
    thread.number = static_cast<unsigned>(i);
    thread.index.x = thread.number % block.size.x;
    thread.index.y = thread.number / block.size.x % block.size.y;
    thread.index.z = thread.number / block.size.x / block.size.y;
    thread.stack = running.stacks->get(i);
    prepare_fiber(thread);
  }
}

// All living threads are at a barrier: lets them go on, unless they do not wait for the same.
void open_barrier(Block& block, size_t finished) {
  const Thread* first = nullptr;
  int votes = 0;
  for (const Thread& thread : block.threads) {
    if (thread.state != State::at_barrier) continue;
    if (first == nullptr) first = &thread;
    if (thread.line != first->line || std::strcmp(thread.file, first->file) != 0) {
      block.error = "threads of one block wait at different barriers\n  " + where(*first) + "\n  " + where(thread);
      return;
    }
    votes += thread.vote != 0;
  }
  if (finished > 0) {
    block.error = "a thread ended before a barrier at which the others wait: " + where(*first);
    return;
  }
  ++block.barriers;
  for (Thread& thread : block.threads) {
    thread.state = State::ready;
    thread.votes = votes;
  }
}

void report_deadlock(Block& block) {
  block.error = "deadlock in block (" + std::to_string(block.index.x) + ", " + std::to_string(block.index.y) + ", " +
                std::to_string(block.index.z) + ")";
  int shown = 0;
  const Thread* last = nullptr;
  for (const Thread& thread : block.threads) {
    const bool news = last == nullptr || thread.state != last->state || thread.line != last->line;
    if (news && shown < 8) {
      block.error += "\n  " + where(thread);
      ++shown;
    }
    last = &thread;
  }
}

CUDA_ON_HOST_UNWATCHED void run_block(Block& block) {
  make_threads(block);
  const std::vector<size_t> order = thread_order(block);
  prepare_shared_memory(block);
#ifdef CUDA_ON_HOST_THREAD_SANITIZER
  block.fiber = __tsan_get_current_fiber();
  for (Thread& thread : block.threads) thread.fiber = running.stacks->fiber(thread.number);
#endif
  size_t finished = 0;
  while (finished < block.threads.size() && block.error.empty()) {
    bool moved = false;
    for (const size_t number : order) {
      Thread& thread = block.threads[number];
      if (thread.state != State::ready) continue;
      moved = true;
      switch_to(thread);
      if (thread.state == State::finished) ++finished;
      if (thread.state == State::failed) break;
    }
    if (!block.error.empty() || finished == block.threads.size()) break;
    const size_t waiting = static_cast<size_t>(std::count_if(
        block.threads.begin(), block.threads.end(), [](const Thread& one) { return one.state == State::at_barrier; }));
    if (waiting > 0 && waiting + finished == block.threads.size())
      open_barrier(block, finished);
    else if (!moved)
      report_deadlock(block);
  }
#ifdef CUDA_ON_HOST_THREAD_SANITIZER
  __tsan_acquire(&block.thread_finished);
#endif
  free(block.dynamic_shared);
  if (!block.error.empty()) throw std::runtime_error(block.error);
}

// Made once for a worker and never freed: making fibers takes ThreadSanitizer longer than running them.
Stacks* stacks_of(size_t worker) {
  static auto& all = *new std::vector<std::unique_ptr<Stacks>>;
  while (all.size() <= worker) all.push_back(std::make_unique<Stacks>());
  return all[worker].get();
}

struct AllowedMemory {
  const unsigned char* start;
  size_t bytes;
  bool writable;
};
std::vector<AllowedMemory>& allowed_memory() {
  static std::vector<AllowedMemory> memory;
  return memory;
}

bool within(const void* pointer, size_t bytes, const void* start, size_t size) {
  const auto* const first = static_cast<const unsigned char*>(pointer);
  const auto* const begin = static_cast<const unsigned char*>(start);
  return begin != nullptr && first >= begin && first + bytes <= begin + size;
}

// Whether an access is to global memory; complains about an address that the device would refuse.
bool check_access(const void* pointer, size_t bytes, bool write) {
  Thread& thread = self();
  const Block& block = *thread.block;
  const auto complain = [&](const char* what) {
    fail(thread, std::string(what) + (write ? " write" : " read") + " of " + std::to_string(bytes) +
                     " bytes by thread " + std::to_string(thread.number) + " of block (" +
                     std::to_string(block.index.x) + ", " + std::to_string(block.index.y) + ")");
  };
  if (reinterpret_cast<uintptr_t>(pointer) % bytes != 0) complain("misaligned");
  if (within(pointer, bytes, block.dynamic_shared, block.dynamic_shared_bytes)) return false;
  if (within(pointer, bytes, block.static_shared, block.static_shared_bytes)) return false;
  if (allowed_memory().empty()) return true;
  for (const AllowedMemory& memory : allowed_memory()) {
    if (within(pointer, bytes, memory.start, memory.bytes) && (memory.writable || !write)) return true;
  }
  complain("stray");
  return true;
}

}  // namespace

CUDA_ON_HOST_UNWATCHED void count_read(const void* pointer, size_t bytes) {
  if (!check_access(pointer, bytes, false)) return;
  Traffic& traffic = self().block->traffic;
  traffic.read += static_cast<int64_t>(bytes);
  if (bytes == 16) traffic.wide_read += 16;
}

CUDA_ON_HOST_UNWATCHED void count_write(const void* pointer, size_t bytes) {
  if (!check_access(pointer, bytes, true)) return;
  Traffic& traffic = self().block->traffic;
  traffic.written += static_cast<int64_t>(bytes);
  if (bytes == 16) traffic.wide_written += 16;
}

void allow_memory(const void* memory, size_t bytes, bool writable) {
  allowed_memory().push_back({static_cast<const unsigned char*>(memory), bytes, writable});
}

void forget_memory() { allowed_memory().clear(); }

std::vector<Launch>& launches() {
  static std::vector<Launch> done;
  return done;
}

int& device_shared_memory() {
  static int bytes = 99 << 10;
  return bytes;
}

std::string name_of(const void* function) {
  Dl_info info{};
  if (dladdr(function, &info) == 0 || info.dli_sname == nullptr) return "?";
  int status = 0;
  const std::unique_ptr<char, decltype(&free)> name(abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status),
                                                    &free);
  return status == 0 ? name.get() : info.dli_sname;
}

void run_grid(dim3 grid, dim3 block, size_t dynamic_shared_bytes, const std::function<void()>& kernel,
              Traffic& traffic) {
  const size_t blocks = static_cast<size_t>(grid.x) * grid.y * grid.z;
  size_t workers = static_cast<size_t>(std::max(1, options().workers));
#ifdef CUDA_ON_HOST_ADDRESS_SANITIZER
  workers = 1;  // static shared memory exists once
#endif
  std::vector<std::string> errors(workers);
  std::vector<Traffic> counted(workers);
  // Each worker has every workers-th block: nothing is shared that could order blocks in ThreadSanitizer's eyes.
  const auto work = [&](size_t worker) {
    try {
      for (size_t i = worker; i < blocks; i += workers) {
        const size_t number = options().order == Options::descending ? blocks - 1 - i : i;
        Block one;
        one.index.x = static_cast<unsigned>(number % grid.x);
        one.index.y = static_cast<unsigned>(number / grid.x % grid.y);
        one.index.z = static_cast<unsigned>(number / grid.x / grid.y);
        one.size = block;
        one.grid = grid;
        one.kernel = &kernel;
        one.dynamic_shared_bytes = dynamic_shared_bytes;
        run_block(one);
        counted[worker].add(one.traffic);
      }
    } catch (const std::exception& error) {
      errors[worker] = error.what();
    }
  };
  if (workers == 1) {
    running.stacks = stacks_of(0);
    work(0);
  } else {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < workers; ++i) {
      threads.emplace_back([&work, i, stacks = stacks_of(i)] {
        running.stacks = stacks;
        work(i);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  for (const Traffic& one : counted) traffic.add(one);
  for (const std::string& error : errors) {
    if (!error.empty()) throw std::runtime_error(error);
  }
}

}  // namespace cuda_on_host
