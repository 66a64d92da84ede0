#include "fiber.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

#if !defined(__x86_64__)
#error "the emulator switches fibers in x86-64 assembly; other processors are not supported"
#endif

extern "C" void cuda_on_host_switch(void** saved_stack_pointer, void* next_stack_pointer);

// Saves what a called function must preserve, changes stacks, and returns to where the other side called from.
asm(R"(
.text
.globl cuda_on_host_switch
.hidden cuda_on_host_switch
.type cuda_on_host_switch,@function
cuda_on_host_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size cuda_on_host_switch,.-cuda_on_host_switch
)");

namespace cuda_on_host {

namespace {

constexpr size_t kGuardBytes = 4096;
constexpr int kSavedRegisters = 6;

CUDA_ON_HOST_UNWATCHED void run_kernel() {
  Thread& thread = self();
#ifdef CUDA_ON_HOST_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(nullptr, &thread.block->stack_bottom, &thread.block->stack_size);
#endif
  (*thread.block->kernel)();
  thread.state = State::finished;
#ifdef CUDA_ON_HOST_THREAD_SANITIZER
  __tsan_release(&thread.block->thread_finished);
#endif
  switch_to_scheduler(thread, true);
  std::abort();  // nobody switches to a thread that has ended
}

}  // namespace

void prepare_fiber(Thread& thread) {
  void** top = reinterpret_cast<void**>(thread.stack + kStackBytes);
  *--top = nullptr;  // run_kernel's return address; it also puts the stack where a called function expects it
  *--top = reinterpret_cast<void*>(&run_kernel);
  for (int i = 0; i < kSavedRegisters; ++i) *--top = nullptr;
  thread.stack_pointer = top;
#ifdef CUDA_ON_HOST_ADDRESS_SANITIZER
  __asan_unpoison_memory_region(thread.stack, kStackBytes);
#endif
}

CUDA_ON_HOST_UNWATCHED void switch_to(Thread& thread) {
  running.thread = &thread;
#ifdef CUDA_ON_HOST_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(&thread.block->fake_stack, thread.stack, kStackBytes);
#endif
#ifdef CUDA_ON_HOST_THREAD_SANITIZER
  // A thread starts after all that was done before its block; from then on only barriers order.
  __tsan_switch_to_fiber(thread.fiber, thread.started ? __tsan_switch_to_fiber_no_sync : 0);
  thread.started = true;
#endif
  cuda_on_host_switch(&thread.block->stack_pointer, thread.stack_pointer);
#ifdef CUDA_ON_HOST_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(thread.block->fake_stack, nullptr, nullptr);
#endif
}

CUDA_ON_HOST_UNWATCHED void switch_to_scheduler(Thread& thread, [[maybe_unused]] bool last) {
#ifdef CUDA_ON_HOST_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(last ? nullptr : &thread.fake_stack, thread.block->stack_bottom,
                                 thread.block->stack_size);
#endif
#ifdef CUDA_ON_HOST_THREAD_SANITIZER
  __tsan_switch_to_fiber(thread.block->fiber, __tsan_switch_to_fiber_no_sync);
#endif
  cuda_on_host_switch(&thread.stack_pointer, thread.block->stack_pointer);
#ifdef CUDA_ON_HOST_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(thread.fake_stack, &thread.block->stack_bottom, &thread.block->stack_size);
#endif
}

void fail(Thread& thread, const std::string& error) {
  thread.block->error = error;
  thread.state = State::failed;
  switch_to_scheduler(thread);
  std::abort();
}

std::string where(const Thread& thread) {
  static const char* const names[] = {"ready", "waits in", "waits in", "ended", "failed in"};
  char text[512];
  snprintf(text, sizeof text, "thread (%u, %u, %u) %s %s at %s:%d, mask %08x", thread.index.x, thread.index.y,
           thread.index.z, names[static_cast<int>(thread.state)], thread.operation, thread.file, thread.line,
           thread.mask);
  return text;
}

char* Stacks::get(size_t number) {
  while (stacks_.size() <= number) {
    void* const memory =
        mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    mprotect(memory, kGuardBytes, PROT_NONE);
    char* const stack = static_cast<char*>(memory) + kGuardBytes;
#ifdef CUDA_ON_HOST_VALGRIND
    VALGRIND_STACK_REGISTER(stack, stack + kStackBytes);
#endif
    stacks_.push_back(stack);
  }
  return stacks_[number];
}

#ifdef CUDA_ON_HOST_THREAD_SANITIZER
void* Stacks::fiber(size_t number) {
  while (fibers_.size() <= number) fibers_.push_back(__tsan_create_fiber(0));
  return fibers_[number];
}
#endif

Stacks::~Stacks() {
#ifdef CUDA_ON_HOST_THREAD_SANITIZER
  for (void* const fiber : fibers_) __tsan_destroy_fiber(fiber);
#endif
  for (char* const stack : stacks_) munmap(stack - kGuardBytes, kGuardBytes + kStackBytes);
}

}  // namespace cuda_on_host
