// SPDX-License-Identifier: Apache-2.0
/// run.sh with an iovsim that only says where it stands and what it was given.
#include <catch2/catch.hpp>

#include "tests/cli/cli/shell.h"

namespace {

/// A repository whose iovsim is built already; what would install and build is left out.
void make_repository(const Place& place) {
  for (const char* folder : {"experiments", "scripts", "build", "user"}) std::filesystem::create_directories(place.folder / folder);
  std::filesystem::copy(IOVSIM_SOURCE_DIR "/run.sh", place.folder / "run.sh");
  place.write("scripts/setup.sh", "install_packages() { :; }\nas_owner() { :; }\nbuild_tree() { echo \"builds ${*:2} in $1\"; }\n");
  place.write("build/iovsim", "#!/bin/sh\necho \"in $PWD:\"\nfor a; do echo \"<$a>\"; done\n");
  place.write("experiments/path_comparison.json", "");
  place.write("user/mine.json", "");
  place.shell("chmod +x build/iovsim run.sh");
}

}  // namespace

TEST_CASE("run.sh leaves file names where the user stands") {
  const Place place;
  make_repository(place);
  const std::string root = place.folder.string(), built = "builds iovsim in " + root + "\n";
  CHECK(place.shell("cd user && ../run.sh mine.json --out here --set workload.trace=t.pcap").out ==
        built + "in " + root + "/user:\n<run>\n<mine.json>\n<--plot>\n<--out>\n<here>\n<--set>\n<workload.trace=t.pcap>\n");
  CHECK(place.shell("cd user && ../run.sh").out ==
        built + "in " + root + "/user:\n<run>\n<" + root + "/experiments/path_comparison.json>\n<--plot>\n");
  CHECK(place.shell("./run.sh -j 1").out == built + "in " + root + ":\n<run>\n<experiments/path_comparison.json>\n<--plot>\n<-j>\n<1>\n");
  CHECK(place.shell("cd user && ../run.sh none.json").out == built + "in " + root + "/user:\n<run>\n<none.json>\n<--plot>\n");
}
