#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <thread>
#include <vector>

#include "tests/testing.h"

namespace i2i::testing {
namespace {

struct Named {
  const char* name;
  Test::Function function;
};

std::vector<Named>& tests() {
  static std::vector<Named> all;
  return all;
}

int thread_count = 1;

void run_on_threads(std::int64_t count, Parallel::Task task, void* context) {
  const std::int64_t ranges = std::min<std::int64_t>(thread_count, count);
  std::vector<std::thread> started;
  for (std::int64_t range = 0; range < ranges; range++) {
    started.emplace_back(task, count * range / ranges, count * (range + 1) / ranges, context);
  }
  for (std::thread& thread : started) thread.join();
}

}  // namespace

Test::Test(const char* name, Function function) { tests().push_back({name, function}); }

Parallel threads(int count) {
  thread_count = count;
  return {run_on_threads, count};
}

}  // namespace i2i::testing

int main(int argument_count, char** arguments) {
  const char* wanted = argument_count > 1 ? arguments[1] : "";
  int run = 0, failed = 0;
  for (const auto& [name, function] : i2i::testing::tests()) {
    if (!std::strstr(name, wanted)) continue;
    const auto begin = std::chrono::steady_clock::now();
    const char* outcome = "passed";
    run++;
    try {
      function();
    } catch (const std::exception& error) {
      std::printf("%s\n", error.what());
      outcome = "FAILED";
      failed++;
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    std::printf("%s %-50s %6.2f s\n", outcome, name, seconds.count());
    std::fflush(stdout);
  }
  std::printf("%d native tests, %d failed\n", run, failed);
  if (run == 0) std::printf("no test has '%s' in its name\n", wanted);
  return failed || run == 0;
}
