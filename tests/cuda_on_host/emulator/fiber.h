// Switching between a block's scheduler and its threads.
#pragma once

#include "block.h"

namespace cuda_on_host {

// Prepares a thread so that the next switch to it calls its block's kernel.
void prepare_fiber(Thread& thread);

// From the scheduler to a thread, until it waits, fails or ends.
void switch_to(Thread& thread);

// From a thread to the scheduler, until the thread may go on. `last`: it never will.
void switch_to_scheduler(Thread& thread, bool last = false);

}  // namespace cuda_on_host
