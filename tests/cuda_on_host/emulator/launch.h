// Running a grid.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "block.h"

namespace cuda_on_host {

// What became of a launch, in the order of the launches since clear_launches().
struct Launch {
  std::string kernel;
  dim3 grid, block;
  size_t dynamic_shared_bytes;
  Traffic traffic;
};
std::vector<Launch>& launches();

// The device that the launchers ask for: bytes of shared memory a block may have.
int& device_shared_memory();

// Memory that kernels may read, and write when `writable`. While there is any, an access elsewhere is an error.
void allow_memory(const void* memory, size_t bytes, bool writable);
void forget_memory();

// Runs `kernel` for every thread of every block; throws std::runtime_error with what went wrong.
void run_grid(dim3 grid, dim3 block, size_t dynamic_shared_bytes, const std::function<void()>& kernel,
              Traffic& traffic);

std::string name_of(const void* function);

// A launch as the launchers see it: 0, or the code of an error. What a kernel did wrong is not such an error; it is
// thrown, and the tests show it. `asked_for` is what cudaFuncSetAttribute would get, or 0; a device counts a kernel's
// static shared memory too, which is taken to be kStaticShared here (tests/cuda/test_resources.py knows the real one).
constexpr size_t kStaticShared = 512;

template <class... Parameters, class... Arguments>
int launch_checked(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t dynamic_shared_bytes, size_t asked_for,
                   void* /*stream*/, const Arguments&... arguments) {
  const size_t granted = asked_for != 0 ? asked_for + kStaticShared : 48 << 10;
  if (dynamic_shared_bytes != 0 && dynamic_shared_bytes + kStaticShared > granted) return cudaErrorInvalidValue;
  const bool valid = grid.x > 0 && grid.y > 0 && grid.z > 0 && grid.y < 65536 && grid.z < 65536 && block.x > 0 &&
                     static_cast<uint64_t>(block.x) * block.y * block.z <= 1024 && block.z <= 64 &&
                     dynamic_shared_bytes <= static_cast<size_t>(device_shared_memory());
  if (!valid) return cudaErrorInvalidConfiguration;
  Launch launch{name_of(reinterpret_cast<const void*>(kernel)), grid, block, dynamic_shared_bytes, {}};
  run_grid(grid, block, dynamic_shared_bytes, [&] { kernel(arguments...); }, launch.traffic);
  launches().push_back(launch);
  return cudaSuccess;
}

// What device code calls at every access to global memory; shared memory is let through uncounted. Reports addresses
// that are no multiple of the access's size.
void count_read(const void* pointer, size_t bytes);
void count_write(const void* pointer, size_t bytes);

inline unsigned char* dynamic_shared_memory() { return self().block->dynamic_shared; }

}  // namespace cuda_on_host
