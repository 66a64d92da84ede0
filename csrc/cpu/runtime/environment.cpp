#include "cpu/runtime/environment.h"

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace i2i::cpu {

int64_t bytes_from_environment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  if (!text) return otherwise << 20;
  char* end = nullptr;
  errno = 0;
  const long long megabytes = std::strtoll(text, &end, 10);
  if (end == text || *end || errno || megabytes < 0 || megabytes > int64_t{1} << 40) {
    throw std::runtime_error(std::string(name) + " must be a whole number of MiB, from 0 on; got '" + text + "'");
  }
  return static_cast<int64_t>(megabytes) << 20;
}

}  // namespace i2i::cpu
