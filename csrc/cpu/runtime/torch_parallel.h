// The threads of torch: torch.set_num_threads is obeyed, and work inside a parallel region of torch stays on its
// thread.
#pragma once

#include <torch/csrc/stable/ops.h>

#include "cpu/runtime/parallel.h"

namespace i2i {

inline Parallel torch_parallel() {
  const auto run = [](std::int64_t count, Parallel::Task task, void* context) {
    STABLE_TORCH_ERROR_CODE_CHECK(torch_parallel_for(0, count, 1, task, context));
  };
  return {run, torch::stable::get_num_threads()};
}

}  // namespace i2i
