// SPDX-License-Identifier: Apache-2.0
/// Task -- a piece of simulated software: a C++20 coroutine that sleeps on the Timeline and awaits
/// other tasks. No stack of its own, so thousands of vCPUs and backends cost little.
///
/// A task is lazy: it runs when co_awaited, or when start()ed as a top-level task. An exception goes
/// to whoever awaits; that of a top-level task goes to whoever resumed it, and so ends Timeline::run.
#pragma once
#include <array>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <utility>

#include "models/core/prefetch.h"

namespace iov {

/// Where the frames of coroutines are: one that is done makes room for the next of its size, as every packet needs some.
class FramePool {
 public:
  static void* take(std::size_t bytes) {
    const std::size_t size = (bytes - 1) / granule;
    if (!recycles || size >= free_.size() || !free_[size]) return allocate(bytes);
    return std::exchange(free_[size], free_[size]->next);
  }
  static void give_back(void* frame, std::size_t bytes) {
    const std::size_t size = (bytes - 1) / granule;
    if (!recycles || size >= free_.size()) return ::operator delete(frame);
    free_[size] = new (frame) Free{free_[size]};
  }

 private:
  struct Free {
    Free* next;
  };
#if defined(__SANITIZE_ADDRESS__)  // which finds who uses a frame that is gone
  static constexpr bool recycles = false;
#elif defined(__has_feature)
  static constexpr bool recycles = !__has_feature(address_sanitizer);
#else
  static constexpr bool recycles = true;
#endif
  static constexpr std::size_t granule = 64;
  [[gnu::cold]] static void* allocate(std::size_t bytes) { return ::operator new((bytes + granule - 1) / granule * granule); }
  static inline std::array<Free*, 32> free_{};
};

class [[nodiscard]] Task {
 public:
  struct promise_type;
  using Handle = std::coroutine_handle<promise_type>;

  struct Resume {  ///< on completion continue with the caller, if any
    bool await_ready() noexcept { return false; }
    std::coroutine_handle<> await_suspend(Handle done) noexcept;
    void await_resume() noexcept {}
  };
  struct promise_type {
    static void* operator new(std::size_t bytes) { return FramePool::take(bytes); }
    static void operator delete(void* frame, std::size_t bytes) { FramePool::give_back(frame, bytes); }
    Task get_return_object() { return Task(Handle::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    Resume final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {
      if (!caller) throw;  // top level: out of resume()
      error = std::current_exception();
    }
    std::coroutine_handle<> caller;  ///< whoever co_awaits this task
    std::exception_ptr error;
  };

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  void start() { handle_.resume(); }
  bool done() const { return !handle_ || handle_.done(); }
  /// Its frame, as far as the locals of a loop reach: nobody knows how long one is.
  void add_to(WorkingSet& set) const {
    if (handle_) set.add(handle_.address(), 4 * cache_line_bytes);
  }

  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) {
    handle_.promise().caller = caller;
    return handle_;
  }
  void await_resume() {
    if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
  }

 private:
  Handle handle_;
};

inline std::coroutine_handle<> Task::Resume::await_suspend(Handle done) noexcept {
  if (auto caller = done.promise().caller) return caller;
  return std::noop_coroutine();
}

}  // namespace iov
