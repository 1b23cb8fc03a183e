// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

namespace iov::experiment {

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

namespace {

constexpr std::size_t kept_of_errors = 4096;

struct Pipe {
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error(std::string("no pipe: ") + std::strerror(errno));
  }
  int ends[2];
};

/// In the child, between fork and exec: system calls only.
[[noreturn]] void become(char* const* command, int out, int err) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody reads a result whose runner is gone
  ::signal(SIGINT, SIG_IGN);           // Ctrl-C reaches the whole group; the runner decides
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  ::execvp(command[0], command);
  constexpr char text[] = "cannot be started\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, sizeof text - 1);
  ::_exit(127);
}

/// What is there to read; closes the pipe at its end.
std::string read_some(int& pipe) {
  char buffer[4096];
  const ssize_t count = ::read(pipe, buffer, sizeof buffer);
  if (count > 0) return {buffer, static_cast<std::size_t>(count)};
  if (count < 0 && errno == EINTR) return {};
  ::close(pipe);
  pipe = -1;
  return {};
}

}  // namespace

void Processes::start(std::size_t tag, const std::vector<std::string>& command) {
  Pipe out, err;
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error(std::string("no process: ") + std::strerror(errno));
  if (pid == 0) become(arguments.data(), out.ends[1], err.ends[1]);
  ::close(out.ends[1]);
  ::close(err.ends[1]);
  children_.push_back({tag, pid, out.ends[0], err.ends[0], {}, {}, Clock::now()});
}

void Processes::read_output(Child& child) {
  child.line += read_some(child.out);
  for (auto end = child.line.find('\n'); end != std::string::npos; end = child.line.find('\n')) {
    on_line_(child.tag, child.line.substr(0, end));
    child.line.erase(0, end + 1);
  }
}

void Processes::read_errors(Child& child) {
  child.said += read_some(child.err);
  if (child.said.size() > kept_of_errors) child.said.erase(0, child.said.size() - kept_of_errors);
}

void Processes::enforce_time_limit() {
  if (time_limit_ <= 0) return;
  for (Child& child : children_)
    if (Clock::now() - child.started > std::chrono::duration<double>(time_limit_) && !child.timed_out) {
      child.timed_out = true;
      ::kill(child.pid, SIGKILL);
    }
}

Processes::Ended Processes::reap(Child& child) {
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  Ended ended{child.tag, -1, 0, child.timed_out, child.said, 0};
  if (WIFEXITED(status)) ended.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
  ended.seconds = std::chrono::duration<double>(Clock::now() - child.started).count();
  return ended;
}

std::vector<Processes::Ended> Processes::wait(std::chrono::milliseconds at_most) {
  enforce_time_limit();
  std::vector<pollfd> pipes;
  for (const Child& child : children_)
    for (const int pipe : {child.out, child.err}) pipes.push_back({pipe, POLLIN, 0});
  if (::poll(pipes.data(), pipes.size(), static_cast<int>(at_most.count())) <= 0) return {};
  std::size_t at = 0;
  std::vector<Ended> ended;
  for (auto child = children_.begin(); child != children_.end();) {
    if (pipes[at++].revents) read_output(*child);
    if (pipes[at++].revents) read_errors(*child);
    if (child->out >= 0 || child->err >= 0) {
      ++child;
      continue;
    }
    ended.push_back(reap(*child));
    child = children_.erase(child);
  }
  return ended;
}

void Processes::kill_all() {
  for (Child& child : children_) ::kill(child.pid, SIGKILL);
  for (Child& child : children_) {
    reap(child);
    for (const int pipe : {child.out, child.err})
      if (pipe >= 0) ::close(pipe);
  }
  children_.clear();
}

}  // namespace iov::experiment
