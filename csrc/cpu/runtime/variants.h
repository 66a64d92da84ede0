// Which variant of the kernels this processor runs.
#pragma once

#include <string>
#include <vector>

#include "cpu/runtime/kernels.h"

namespace i2i::cpu {

// The variants in this library, fastest first.
std::vector<const Kernels*> compiled_variants();

// Those that this processor can run, fastest first; the portable one is always among them.
std::vector<const Kernels*> supported_variants();

// The variant of this name. Throws std::runtime_error when there is none or this processor cannot run it.
const Kernels& variant(const std::string& name);

// The variant in use: the one that the environment variable I2I_CPU names, or else the fastest, unless use() chose
// another. Throws std::runtime_error, at every call, when I2I_CPU names none that can be used.
const Kernels& kernels();

// Makes every later call of kernels() give this one. Calls that already run keep the variant they took.
void use(const Kernels& kernels);

}  // namespace i2i::cpu
