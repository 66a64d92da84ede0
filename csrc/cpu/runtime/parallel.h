// How a kernel spreads its work over threads, whoever owns them.
#pragma once

#include <cstdint>

namespace i2i {

// Calls a body for consecutive ranges that cover [0, count) exactly once, in any order and possibly at the same time,
// and returns when all of them are done. How many ranges there are depends on the number of threads: results must not.
//
// The operators make one of torch's thread pool, the native tests of std::thread.
struct Parallel {
  using Task = void (*)(std::int64_t begin, std::int64_t end, void* context);

  void (*run)(std::int64_t count, Task task, void* context);
  std::int64_t threads = 1;  // how many there are: for what changes speed alone, and no bit of a result

  template <class Body>
  void operator()(std::int64_t count, const Body& body) const {
    if (count <= 0) return;
    const Task task = [](std::int64_t begin, std::int64_t end, void* context) {
      (*static_cast<const Body*>(context))(begin, end);
    };
    run(count, task, const_cast<void*>(static_cast<const void*>(&body)));
  }
};

}  // namespace i2i
