// SPDX-License-Identifier: Apache-2.0
/// A results folder holds one sweep and nothing of another.
#include <catch2/catch.hpp>

#include "tests/cli/cli/shell.h"

namespace {

const std::string paths = R"("sweep": {"path": {"key": "nic0.path", "values": ["native", "virtio"]}})";

/// Files and folders in a results folder, by name.
std::string listing(const Place& place, const std::string& folder) {
  return place.shell("cd '" + folder + "' && find . -mindepth 1 -maxdepth 2 -not -name .lock | sort | tr '\\n' ' '").out;
}

}  // namespace

TEST_CASE("an interrupted run leaves no table, report or figure of the run before") {
  const Place place;
  place.experiment(paths);
  REQUIRE(place.iovsim("run e.json --out d").code == 0);
  std::filesystem::create_directories(place.folder / "d/plots");
  place.write("d/plots/lines.png", "old");
  const Outcome outcome =
      place.shell("timeout --preserve-status -s INT 3 '" IOVSIM_FAKE "' run e.json --out d --set workload.fate=hang");
  CHECK(outcome.code == 130);
  CHECK(listing(place, "d") == "./experiment.json ./points ");
  CHECK(place.iovsim("plot d").code == 2);
}

TEST_CASE("another experiment in the same folder keeps nothing of its predecessor") {
  const Place place;
  place.experiment(paths);
  REQUIRE(place.iovsim("run e.json --out d").code == 0);
  std::filesystem::create_directories(place.folder / "d/plots");
  place.write("d/plots/lines.svg", "old");
  place.write("f.json", R"({"platform": "platforms/p.json", "sweep": {"nic0.tags": [1, 2]}})");
  CHECK(place.iovsim("run f.json --out d").code == 0);
  CHECK(listing(place, "d") == "./experiment.json ./points ./points/1 ./points/2 ./report.txt ./table.csv ");
}

TEST_CASE("what iovsim did not write stays, and is not written over") {
  const Place place;
  place.experiment(paths);
  REQUIRE(place.iovsim("run e.json --out d").code == 0);
  place.write("d/mine.txt", "");
  std::filesystem::create_directories(place.folder / "d/points/mine");
  place.write("d/points/mine/config.json", "{}");
  place.write("d/points/virtio/notes.txt", "");
  place.write("f.json", R"({"platform": "platforms/p.json"})");
  CHECK(place.iovsim("run f.json --out d").code == 0);
  CHECK(place.exists("d/mine.txt"));
  CHECK(place.exists("d/points/mine/config.json"));
  CHECK(place.exists("d/points/virtio/notes.txt"));
  CHECK_FALSE(place.exists("d/points/native"));
  const Outcome outcome = place.iovsim("run e.json --out d --set nic0.tags=5");
  CHECK(outcome.code == 2);
  CHECK(outcome.err == "iovsim: d/points/virtio is in the way: it has files that iovsim did not write; choose another --out\n");
  CHECK(place.exists("d/points/point/summary.json"));
  // a folder that is no results folder keeps its figures
  std::filesystem::create_directories(place.folder / "own/plots");
  place.write("own/plots/mine.png", "");
  CHECK(place.iovsim("run f.json --out own").code == 0);
  CHECK(place.exists("own/plots/mine.png"));
}

TEST_CASE("a point whose files are not all there and whole is run again") {
  const Place place;
  place.experiment(paths);
  REQUIRE(place.iovsim("run e.json --out d").code == 0);
  REQUIRE(place.shell("cp -r d whole").code == 0);
  const std::string virtio = "d/points/virtio/";
  const std::string damages[] = {"rm " + virtio + "latency.csv", ": > " + virtio + "stats.csv", "echo >> " + virtio + "journeys.csv",
        "rm " + virtio + "host.json", "sed -i s/2.18/3.18/ " + virtio + "summary.json", "rm " + virtio + "config.json",
        "echo x > " + virtio + "vms.csv"};
  for (const std::string& damage : damages) {
    INFO(damage);
    REQUIRE(place.shell(damage).code == 0);
    const Outcome outcome = place.iovsim("run e.json --out d");
    CHECK(outcome.code == 0);
    CHECK(outcome.err.starts_with("1 of 2 points are done already"));
    CHECK(place.shell("diff -r -x host.json d whole").code == 0);
  }
}

TEST_CASE("what still stands is not lost: a second look keeps the figures, --fresh keeps its points until they are replaced") {
  const Place place;
  place.experiment(paths);
  REQUIRE(place.iovsim("run e.json --out d").code == 0);
  std::filesystem::create_directories(place.folder / "d/plots");
  place.write("d/plots/lines.png", "good");
  CHECK(place.iovsim("run e.json --out d").code == 0);
  CHECK(place.read("d/plots/lines.png") == "good");
  // another column makes another table: the figure no longer shows it
  place.experiment(R"("collect": {"two": "nic0.reads * 2"}, )" + paths);
  CHECK(place.iovsim("run e.json --out d").err.starts_with("2 of 2 points are done already"));
  CHECK_FALSE(place.exists("d/plots"));

  place.experiment(R"("sweep": {"workload.fate": ["good", "hang"]})");
  CHECK(place.shell("timeout --preserve-status -s INT 2 '" IOVSIM_FAKE "' run e.json -j 1 --out h").code == 130);
  REQUIRE(place.exists("h/points/good/summary.json"));
  CHECK(place.shell("timeout --preserve-status -s INT 0.05 '" IOVSIM_FAKE "' run e.json -j 1 --out h --fresh").code == 130);
  CHECK(place.exists("h/points/good/summary.json"));
}
