// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/runner.h"

#include <cstring>
#include <iostream>
#include <optional>

#include "experiments/iovsim/lib/commands.h"
#include "experiments/iovsim/lib/files.h"
#include "experiments/iovsim/lib/restrict.h"
#include "experiments/iovsim/lib/results_folder.h"

namespace iov::experiment {

namespace fs = std::filesystem;

namespace {

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
    const bool done = is_done(folder(p), fingerprints_[p]);
    if (done) done_.insert(points_[p].id);
    if (done && !options_.fresh) continue;
    work_.push_back(p);
    if (fs::exists(folder(p)) && !is_point_folder(folder(p)))
      throw std::runtime_error(folder(p).string() + " is in the way: it has files that iovsim did not write; choose another --out");
  }
}

/// Makes the machine of every point that is to be simulated; of points that differ in their seed alone the first one's.
int Runner::check_machines(const InterruptGuard& guard) const {
  std::vector<const Point*> machines;
  for (const std::size_t p : work_)
    if (machines.empty() || points_[p].axes.empty() || machines.back()->axes != points_[p].axes) machines.push_back(&points_[p]);
  platform::ProblemSink problems;
  if (!build_points(experiment_.shown, machines, options_.home, options_.jobs, problems, guard)) return interrupted;
  return problems.empty() ? good : nothing_was_run(problems);
}

/// What is of another sweep, or shows what is not so any more, goes before anything new comes.
void Runner::begin_anew() {
  const Json description{{"experiment", experiment_.shown}, {"question", experiment_.question}, {"plot", experiment_.plots}};
  const fs::path file = options_.out / "experiment.json";
  had_results_ = fs::exists(file);
  const bool others = drop_other_points(options_.out, done_);
  const bool same = !others && work_.empty() && read_file(file) == description.dump(2) + "\n";
  if (had_results_ && !same) {
    drop_tables(options_.out);
    drop_figures(options_.out);
  }
  write_file(file, description.dump(2) + "\n");
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

bool Runner::simulate_all(const InterruptGuard& guard) {
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
                                                             : "FAILED " + points_[ended.tag].id);
    }
    progress.redraw();
    if (!guard.stop_requested()) continue;
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
    if (const std::string left_out = left_out_of(experiment_, claim); !left_out.empty()) {
      text += "not checked:  " + claim.text + "\n    " + left_out + " is left out by --set\n";
      continue;
    }
    const auto refuted = refute(claim, table);
    text += (refuted ? "expected, but not so:  " : "as expected:  ") + claim.text + refuted.value_or("") + "\n";
    if (refuted) code = worse(code, claim_failed);
  }
}

Table Runner::gather(platform::ProblemSink& problems) const {
  Table table(experiment_);
  platform::ProblemSink missing;
  std::set<std::string> known, told;
  for (std::size_t p = 0; p < points_.size(); ++p) {
    const auto results = results_of(folder(p), experiment_, points_[p].id, missing);
    for (const auto& [name, cell] : results)
      if (!cell.text.empty()) known.insert("collect." + name);
    table.add(points_[p], results);
  }
  for (const std::string& name : table.ambiguous())
    problems.add_in(experiment_.shown, name, "is a result of the simulation already: choose another name for what you sweep or collect");
  // What only some points have a module for is empty at the others; what no point has is a mistake.
  for (const platform::Problem& problem : missing.list())
    if (known.count(problem.path) == 0 && told.insert(problem.path).second)
      problems.add_in(problem.file, problem.path, problem.what);
  return table;
}

int Runner::report() {
  platform::ProblemSink problems;
  const Table table = gather(problems);
  std::string text = experiment_.question.empty() ? "" : experiment_.question + "\n\n";
  text += table.aligned() + "\n";
  int code = worst_;
  check_claims(table, text, code);
  for (const std::string& failure : failures_) text += "FAILED  " + failure + "\n";
  if (!problems.empty()) code = worse(code, bad_input);
  const std::string csv = table.csv();
  if (had_results_ && read_file(options_.out / "table.csv") != csv) drop_figures(options_.out);
  write_file(options_.out / "table.csv", csv);
  write_file(options_.out / "report.txt", text);
  std::cout << text;
  std::cout.flush();
  std::cerr << problems.text();
  return code;
}

int Runner::run() {
  const InterruptGuard guard;
  std::optional<FolderLock> lock;
  if (fs::exists(options_.out)) lock.emplace(options_.out);
  find_work();
  if (const int code = check_machines(guard); code != good) return code;
  fs::create_directories(options_.out / "points");
  if (!lock) lock.emplace(options_.out);
  begin_anew();
  const std::size_t done = points_.size() - work_.size();
  if (done > 0) std::cerr << done << " of " << points_.size() << " points are done already (--fresh runs them again)\n";
  if (!simulate_all(guard)) {
    for (const std::string& failure : failures_) std::cerr << "FAILED  " << failure << "\n";
    std::cerr << "interrupted; run it again to go on from here\n";
    return interrupted;
  }
  const int code = report();
  std::cout << "\nresults: " << options_.out.string() << "\n";
  return code;
}

}  // namespace iov::experiment
