// SPDX-License-Identifier: Apache-2.0
/// iovsim with a wire that swallows every frame: the real simulator, broken.
#include <cstdlib>

#include "experiments/iovsim/lib/program.h"
#include "platforms/machine.h"

namespace {

using namespace iov;

struct BlackHole : FrameSink {
  void frame(Frame&&) override {}
};

platform::PointResult simulate_lossy(const nlohmann::json& config, std::uint64_t seed, const platform::Progress& progress) {
  platform::Machine machine(config, seed);
  BlackHole hole;
  machine.nic->set_wire(&hole, 50_ns);
  return platform::run(machine, progress);
}

int exit_code = 0;

}  // namespace

int sc_main(int argc, char* argv[]) {
  set_time_resolution();
  const experiment::Program program{"test", platform::catalog(), platform::io_paths(), simulate_lossy, platform::build};
  return exit_code = experiment::run_command_line(program, argc, argv);
}

int main(int argc, char* argv[]) {
  ::setenv("SC_COPYRIGHT_MESSAGE", "DISABLE", 1);
  const int elaborated = sc_core::sc_elab_and_sim(argc, argv);
  return exit_code != 0 ? exit_code : elaborated;
}
