#include <cstring>
#include <string>

#include "cpu/runtime/variants.h"
#include "tests/testing.h"

using i2i::cpu::Kernels;

TEST(the_portable_variant_is_always_there_and_last) {
  const auto variants = i2i::cpu::supported_variants();

  CHECK(!variants.empty());
  CHECK(std::string("portable") == variants.back()->name);
}

TEST(variants_are_found_by_name_and_a_wider_one_comes_first) {
  int narrower = 1 << 30;
  for (const Kernels* kernels : i2i::cpu::supported_variants()) {
    CHECK(&i2i::cpu::variant(kernels->name) == kernels, kernels->name);
    CHECK(kernels->vector_floats < narrower, kernels->name);
    narrower = kernels->vector_floats;
  }
}

TEST(an_unknown_variant_is_refused_with_the_ones_there_are) {
  std::string message;
  try {
    i2i::cpu::variant("sse9");
  } catch (const std::runtime_error& error) {
    message = error.what();
  }

  CHECK(message.find("'sse9'") != std::string::npos, message);
  CHECK(message.find("portable") != std::string::npos, message);
}
