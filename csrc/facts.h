// What this build of the kernels is.
#pragma once

#include <string>

namespace i2i {

// Lines of "key: value", made anew at each call:
//   i2i-sources  hash of the sources (i2i/ops/native/toolchain.py), also found by searching the library's bytes
//   compiler, flags, torch  what it was compiled with; torch is the oldest version it runs with
//   compiled, supported  CPU variants, separated by spaces, fastest first
//   variant  the one in use; absent when I2I_CPU names none that can be used
//   problem  why there is no variant
std::string facts();

}  // namespace i2i
