// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <systemc>

#include "experiments/iovsim/lib/program.h"
#include "models/core/huge_pages.h"
#include "models/core/units.h"

namespace {
int exit_code = 0;
}

int sc_main(int argc, char* argv[]) {
  iov::set_time_resolution();
  const iov::experiment::Program program{IOVSIM_VERSION, iov::platform::catalog(), iov::platform::io_paths(),
                                         iov::platform::simulate, iov::platform::build, iov::platform::lspci};
  exit_code = iov::experiment::run_command_line(program, argc, argv);
  return exit_code;
}

int main(int argc, char* argv[]) {
  iov::use_huge_pages();
  ::setenv("SC_COPYRIGHT_MESSAGE", "DISABLE", 1);
  const int elaborated = sc_core::sc_elab_and_sim(argc, argv);  // also catches what nobody else did
  return exit_code != 0 ? exit_code : elaborated;
}
