// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/point.h"

#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>

#include "experiments/iovsim/lib/files.h"
#include "experiments/iovsim/lib/point_tables.h"
#include "experiments/iovsim/lib/results_folder.h"
#include "models/core/sim_error.h"
#include "platforms/json_file.h"

namespace iov::experiment {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::string config_text(const Point& point) {
  Json config;
  config["description"] = point_description;
  if (!point.axes.empty()) config["point"] = Json::object();
  for (const auto& [axis, label] : point.axes) config["point"][axis] = label;
  config["seeds"] = {point.seed};
  config["platform"] = point.config;
  return config.dump(2) + "\n";
}

namespace {

/// Contents count, not names: a new capture under an old name is another input.
void add_named_files(Fingerprint& fingerprint, const nlohmann::json& config, const fs::path& home) {
  for (const auto& value : config) {
    if (value.is_structured()) add_named_files(fingerprint, value, home);
    if (!value.is_string() || value.get_ref<const std::string&>().find('.') == std::string::npos) continue;
    std::error_code error;
    if (const fs::path file = home / value.get<std::string>(); fs::is_regular_file(file, error))
      fingerprint.add(read_file(file));
  }
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void write_results(const Program& program, const fs::path& folder, const std::string& fingerprint, std::uint64_t seed,
                   platform::PointResult result, double host_seconds) {
  Json& provenance = result.summary["provenance"];
  provenance["program"] = "iovsim " + program.version;
  provenance["fingerprint"] = fingerprint;
  provenance["seed"] = seed;
  provenance["events"] = result.events;
  provenance["simulated_seconds"] = result.simulated_seconds;
  write_tables(folder, result);
  Json host;
  host["host_seconds"] = host_seconds;
  host["events_per_second"] = host_seconds > 0 ? static_cast<double>(result.events) / host_seconds : 0;
  write_file(folder / "summary.json", result.summary.dump(2) + "\n");
  host["digest"] = digest_of(folder);
  write_file(folder / "host.json", host.dump(2) + "\n");
}

/// Tells the runner ten times a second how far the simulation is.
platform::Progress progress_lines() {
  return [last = Clock::now()](const Time& simulated, double share) mutable {
    if (seconds_since(last) < 0.1) return;
    last = Clock::now();
    std::printf("progress %.9g %.4f\n", simulated.to_seconds(), share);
    std::fflush(stdout);
  };
}

}  // namespace

std::string fingerprint_of(const Point& point, const fs::path& home) {
  Fingerprint fingerprint;
  fingerprint.add(program_fingerprint()).add(config_text(point));
  add_named_files(fingerprint, point.config, home);
  return fingerprint.hex();
}

namespace {

/// What a child process does, with what it throws turned into words and an exit code.
int in_child(const std::function<void()>& work) {
  try {
    work();
    return good;
  } catch (const InvariantBroken& error) {
    std::cerr << error.what() << "\n";
  } catch (const platform::BadInput& error) {
    std::cerr << error.what() << "\n";
    return bad_input;
  } catch (const std::exception& error) {
    std::cerr << "the simulation failed: " << error.what() << "\n";
  }
  return model_failed;
}

}  // namespace

int simulate_point(const Program& program, const fs::path& where, const std::string& fingerprint) {
  return in_child([&, folder = fs::absolute(where)] {
    platform::enter_home(".");
    const auto config = nlohmann::json::parse(read_file(folder / "config.json"));
    const std::uint64_t seed = config.at("seeds").at(0);
    const auto start = Clock::now();
    auto result = program.simulate(config.at("platform"), seed, progress_lines());
    write_results(program, folder, fingerprint, seed, std::move(result), seconds_since(start));
  });
}

int build_point(const Program& program, const fs::path& config_file) {
  return in_child([&] {
    const auto config = nlohmann::json::parse(read_file(config_file));
    platform::enter_home(".");
    program.build(config.at("platform"), config.at("seeds").at(0));
  });
}

std::optional<PointProgress> parse_progress(const std::string& line) {
  PointProgress progress;
  if (std::sscanf(line.c_str(), "progress %lf %lf", &progress.simulated_seconds, &progress.share) != 2) return std::nullopt;
  return progress;
}

}  // namespace iov::experiment
