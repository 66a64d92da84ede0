// Limits that a person can set.
#pragma once

#include <cstdint>

namespace i2i::cpu {

// Bytes from an environment variable that holds a whole number of MiB, or else from `otherwise`, which is in MiB too.
// Throws std::runtime_error for anything but a whole number from 0 on.
int64_t bytes_from_environment(const char* name, int64_t otherwise);

}  // namespace i2i::cpu
