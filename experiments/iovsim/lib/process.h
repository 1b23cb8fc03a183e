// SPDX-License-Identifier: Apache-2.0
/// Processes -- child processes of this program, several at a time, with what they say read as they
/// say it. Plain POSIX: a child is fork and exec, its output two pipes under one poll().
#pragma once
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <list>
#include <string>
#include <vector>

namespace iov::experiment {

/// Without the line ends and blanks at its end.
std::string trimmed(std::string text);

class Processes {
 public:
  using Clock = std::chrono::steady_clock;
  struct Ended {
    std::size_t tag;
    int exit_code = -1;   ///< -1: ended by a signal
    int signal = 0;
    bool timed_out = false;
    std::string said;     ///< the end of its standard error
    double seconds = 0;
  };
  using OnLine = std::function<void(std::size_t tag, const std::string& line)>;  ///< of standard output

  /// @param time_limit  seconds; 0: none
  Processes(double time_limit, OnLine on_line) : time_limit_(time_limit), on_line_(std::move(on_line)) {}
  ~Processes() { kill_all(); }
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  void start(std::size_t tag, const std::vector<std::string>& command);
  std::size_t running() const { return children_.size(); }
  /// Waits at most this long; returns the children that ended.
  std::vector<Ended> wait(std::chrono::milliseconds at_most);
  void kill_all();

 private:
  struct Child {
    std::size_t tag;
    pid_t pid;
    int out, err;  ///< -1: closed
    std::string line, said;
    Clock::time_point started;
    bool timed_out = false;
  };
  void read_output(Child& child);
  void read_errors(Child& child);
  void enforce_time_limit();
  Ended reap(Child& child);

  double time_limit_;
  OnLine on_line_;
  std::list<Child> children_;
};

}  // namespace iov::experiment
