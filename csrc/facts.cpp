#include "facts.h"

#include <exception>
#include <vector>

#include "cpu/runtime/variants.h"

namespace i2i {
namespace {

std::string names(const std::vector<const cpu::Kernels*>& variants) {
  std::string text;
  for (const cpu::Kernels* variant : variants) text += (text.empty() ? "" : " ") + std::string(variant->name);
  return text;
}

}  // namespace

std::string facts() {
  std::string text =
      "i2i-sources: " I2I_SOURCES_HASH "\ncompiler: " I2I_COMPILER "\nflags: " I2I_FLAGS "\ntorch: 2.13\n";
  text += "compiled: " + names(cpu::compiled_variants()) + "\nsupported: " + names(cpu::supported_variants()) + "\n";
  try {
    text += "variant: " + std::string(cpu::kernels().name) + "\n";
  } catch (const std::exception& error) {
    text += "problem: " + std::string(error.what()) + "\n";
  }
  return text;
}

}  // namespace i2i

// The same for ctypes, for as long as the library is loaded; the first call keeps the answer.
extern "C" __attribute__((visibility("default"))) const char* i2i_facts() {
  static const std::string text = i2i::facts();
  return text.c_str();
}

// Has the variant of this name do the work from now on. Returns nullptr, or in words why it cannot.
extern "C" __attribute__((visibility("default"))) const char* i2i_use_variant(const char* name) {
  try {
    i2i::cpu::use(i2i::cpu::variant(name));
    return nullptr;
  } catch (const std::exception& error) {
    static thread_local std::string words;
    words = error.what();
    return words.c_str();
  }
}
