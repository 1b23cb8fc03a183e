// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/runner.h"

#include <csignal>
#include <cstring>
#include <iostream>
#include <set>

#include "experiments/iovsim/lib/files.h"
#include "experiments/iovsim/lib/program.h"

namespace iov::experiment {

namespace fs = std::filesystem;

namespace {

volatile std::sig_atomic_t stop_requested = 0;

/// While it lives, an interrupt asks the runner to stop instead of killing it.
class InterruptGuard {
 public:
  InterruptGuard() {
    stop_requested = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { stop_requested = 1; };
    ::sigaction(SIGINT, &action, &old_interrupt_);
    ::sigaction(SIGTERM, &action, &old_terminate_);
  }
  ~InterruptGuard() {
    ::sigaction(SIGINT, &old_interrupt_, nullptr);
    ::sigaction(SIGTERM, &old_terminate_, nullptr);
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction old_interrupt_ {}, old_terminate_ {};
};

/// The most serious of two exit codes: a broken model, then bad input, then a failed claim.
int worse(int a, int b) {
  for (const int code : {model_failed, bad_input, claim_failed})
    if (a == code || b == code) return code;
  return good;
}

}  // namespace

Runner::Runner(const Experiment& experiment, const std::vector<Point>& points, const RunOptions& options)
    : experiment_(experiment), points_(points), options_(options) {}

fs::path Runner::workplace(std::size_t point) const {
  return options_.out / "points" / ("." + points_[point].id + ".new");
}

void Runner::find_work() {
  for (std::size_t p = 0; p < points_.size(); ++p) {
    fingerprints_.push_back(fingerprint_of(points_[p], options_.home));
    if (options_.fresh || !is_done(folder(p), fingerprints_[p])) work_.push_back(p);
  }
}

void Runner::fail(std::size_t point, int code, const std::string& why) {
  worst_ = worse(worst_, code);
  failures_.push_back(points_[point].id + ": " + why);
  std::error_code ignored;
  fs::remove_all(workplace(point), ignored);
  fs::remove_all(folder(point), ignored);  // results of another configuration would mislead
}

std::string Runner::why_it_ended(const Processes::Ended& ended) const {
  if (ended.timed_out) return "stopped after " + host_time(ended.seconds) + " (--time-limit)";
  if (ended.signal) return "died of signal " + std::to_string(ended.signal) + " (" + ::strsignal(ended.signal) + ")" +
                           (ended.said.empty() ? "" : "; its last words: " + trimmed(ended.said));
  const std::string said = trimmed(ended.said);
  return said.empty() ? "ended with exit code " + std::to_string(ended.exit_code) : said;
}

void Runner::finish(const Processes::Ended& ended) {
  const std::size_t p = ended.tag;
  if (ended.exit_code == good && is_done(workplace(p), fingerprints_[p])) {
    replace_folder(workplace(p), folder(p));
    return;
  }
  fail(p, ended.exit_code == bad_input ? bad_input : model_failed, why_it_ended(ended));
}

bool Runner::simulate_all() {
  InterruptGuard guard;
  ProgressLine progress(work_.size());
  Processes processes(options_.time_limit, [&](std::size_t point, const std::string& line) {
    if (const auto said = parse_progress(line)) progress.running(point, *said);
  });
  const std::string program = fs::read_symlink("/proc/self/exe").string();
  ::setenv("IOVSIM_HOME", options_.home.c_str(), 1);
  std::size_t next = 0;
  while (next < work_.size() || processes.running() > 0) {
    while (next < work_.size() && processes.running() < options_.jobs) {
      const std::size_t p = work_[next++];
      fs::remove_all(workplace(p));
      fs::create_directories(workplace(p));
      write_file(workplace(p) / "config.json", config_text(points_[p]));
      processes.start(p, {program, "point", workplace(p).string(), fingerprints_[p]});
    }
    for (const Processes::Ended& ended : processes.wait(std::chrono::milliseconds(200))) {
      const std::size_t failures = failures_.size();
      finish(ended);
      progress.ended(ended.tag, failures == failures_.size() ? points_[ended.tag].id + "  " + host_time(ended.seconds)
                                                             : "FAILED " + failures_.back());
    }
    progress.redraw();
    if (!stop_requested) continue;
    processes.kill_all();
    for (const std::size_t p : work_) fs::remove_all(workplace(p));
    progress.clear();
    return false;
  }
  progress.clear();
  return true;
}

void Runner::check_claims(const Table& table, std::string& text, int& code) const {
  for (const Claim& claim : experiment_.expect) {
    const auto refuted = refute(claim, table);
    text += (refuted ? "expected, but not so:  " : "as expected:  ") + claim.text + refuted.value_or("") + "\n";
    if (refuted) code = worse(code, claim_failed);
  }
}

int Runner::report() {
  Table table(experiment_);
  platform::ProblemSink missing, problems;
  std::set<std::string> known;
  for (std::size_t p = 0; p < points_.size(); ++p) {
    const auto results = results_of(folder(p), experiment_, points_[p].id, missing);
    for (const auto& [name, cell] : results)
      if (!cell.text.empty()) known.insert("collect." + name);
    table.add(points_[p], results);
  }
  // What only some points have a module for is empty at the others; what no point has is a mistake.
  for (const platform::Problem& problem : missing.list())
    if (known.count(problem.path) == 0) problems.add_in(problem.file, problem.path, problem.what);
  std::string text = experiment_.question.empty() ? "" : experiment_.question + "\n\n";
  text += table.aligned() + "\n";
  int code = worst_;
  check_claims(table, text, code);
  for (const std::string& failure : failures_) text += "FAILED  " + failure + "\n";
  if (!problems.empty()) code = worse(code, bad_input);
  write_file(options_.out / "table.csv", table.csv());
  write_file(options_.out / "report.txt", text);
  std::cout << text;
  std::cout.flush();
  std::cerr << problems.text();
  return code;
}

int Runner::run() {
  fs::create_directories(options_.out / "points");
  const FolderLock lock(options_.out);
  Json description{{"experiment", experiment_.shown}, {"question", experiment_.question}, {"plot", experiment_.plots}};
  write_file(options_.out / "experiment.json", description.dump(2) + "\n");
  find_work();
  const std::size_t done = points_.size() - work_.size();
  if (done > 0) std::cerr << done << " of " << points_.size() << " points are done already (--fresh runs them again)\n";
  if (!simulate_all()) {
    std::cerr << "interrupted; run it again to go on from here\n";
    return interrupted;
  }
  const int code = report();
  std::cout << "\nresults: " << options_.out.string() << "\n";
  return code;
}

}  // namespace iov::experiment
