#include "cpu/runtime/variants.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace i2i::cpu {
namespace {

// The instructions that the variant files ask for.
bool processor_runs(const std::string& name) {
#if defined(__x86_64__)
  if (name == "avx512") {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2") &&
           __builtin_cpu_supports("fma");
  }
  if (name == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return name == "portable";
}

std::string names(const std::vector<const Kernels*>& variants) {
  std::string text;
  for (const Kernels* variant : variants) text += (text.empty() ? "" : ", ") + std::string(variant->name);
  return text;
}

std::atomic<const Kernels*> in_use{nullptr};

}  // namespace

std::vector<const Kernels*> compiled_variants() {
  std::vector<const Kernels*> variants;
  for (const Kernels* variant : {avx512_kernels(), avx2_kernels(), portable_kernels()}) {
    if (variant) variants.push_back(variant);
  }
  return variants;
}

std::vector<const Kernels*> supported_variants() {
  std::vector<const Kernels*> variants;
  for (const Kernels* variant : compiled_variants()) {
    if (processor_runs(variant->name)) variants.push_back(variant);
  }
  return variants;
}

const Kernels& variant(const std::string& name) {
  const std::vector<const Kernels*> variants = supported_variants();
  for (const Kernels* variant : variants) {
    if (name == variant->name) return *variant;
  }
  throw std::runtime_error("I2I_CPU must be one of " + names(variants) + " on this machine; got '" + name +
                           "'; unset it to take the fastest");
}

const Kernels& kernels() {
  if (const Kernels* chosen = in_use.load(std::memory_order_acquire)) return *chosen;
  static const Kernels& first = []() -> const Kernels& {
    const char* name = std::getenv("I2I_CPU");
    return name && *name ? variant(name) : *supported_variants().front();
  }();
  return first;
}

void use(const Kernels& kernels) { in_use.store(&kernels, std::memory_order_release); }

}  // namespace i2i::cpu
