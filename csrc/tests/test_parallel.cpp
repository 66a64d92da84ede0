#include <atomic>
#include <vector>

#include "tests/testing.h"

using i2i::Parallel;
using i2i::testing::threads;

TEST(every_index_is_visited_once_for_any_number_of_threads) {
  for (int thread_count : {1, 2, 3, 7}) {
    for (std::int64_t count : {0, 1, 2, 5, 100}) {
      std::vector<std::atomic<int>> visits(count);
      threads(thread_count)(count, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t index = begin; index < end; index++) visits[index]++;
      });
      for (const auto& visit : visits) CHECK(visit == 1, thread_count, " threads, ", count, " indices");
    }
  }
}

TEST(nothing_to_do_calls_nothing) {
  threads(2)(0, [](std::int64_t, std::int64_t) { CHECK(false, "the body ran"); });
}
