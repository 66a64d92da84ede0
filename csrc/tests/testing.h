// A test is a function with a name; the program runs all of them, or those whose name holds its first argument.
#pragma once

#include <cstdint>
#include <sstream>
#include <stdexcept>

#include "cpu/runtime/parallel.h"

namespace i2i::testing {

struct Test {
  using Function = void (*)();

  Test(const char* name, Function function);  // adds itself to the list that main() runs
};

template <class... Parts>
[[noreturn]] void fail(const char* file, int line, const Parts&... parts) {
  std::ostringstream message;
  message << file << ":" << line << ": ";
  (message << ... << parts);
  throw std::runtime_error(message.str());
}

// Calls `task` from this many threads, each with an equal share, or with one range when there is one thread.
Parallel threads(int count);

}  // namespace i2i::testing

#define TEST(name)                                                         \
  static void test_##name();                                               \
  static const ::i2i::testing::Test registered_##name{#name, test_##name}; \
  static void test_##name()

// CHECK(condition, what to say besides the condition...)
#define CHECK(condition, ...) \
  if (!(condition)) ::i2i::testing::fail(__FILE__, __LINE__, "not true: " #condition "; ", ##__VA_ARGS__)
