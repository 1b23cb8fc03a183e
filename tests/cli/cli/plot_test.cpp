// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "models/core/journey.h"
#include "tests/cli/cli/shell.h"

namespace {

/// The plot scripts of the repository, as in any place a user makes.
void take_plots(const Place& place) {
  std::filesystem::create_directories(place.folder / "experiments");
  std::filesystem::create_directory_symlink(IOVSIM_SOURCE_DIR "/experiments/plots", place.folder / "experiments/plots");
}

/// A table with the columns of the main experiment.
std::string comparison() {
  std::string table =
      "path,size,mode,throughput_gbps,latency_p50_ns,latency_p90_ns,latency_p99_ns,latency_p999_ns,latency_max_ns,"
      "exits_per_packet,cycles_guest,cycles_irq,exits_mmio_read,stage_wire_ns,stage_copy_ns\n";
  for (const char* path : {"native", "a_new_path"})
    for (const char* size : {"64", "capture"})
      for (const char* mode : {"transmit", "receive", "request_response"})
        table += std::string(path) + "," + size + "," + mode + ",5,1000,1100,1200,1300,1400,2,300,10,2,67.2,12\n";
  return table;
}

}  // namespace

TEST_CASE("run --plot draws the figures of the experiment and names them") {
  const Place place;
  take_plots(place);
  place.experiment(R"("sweep": {"nic0.tags": [1, 2, 4]}, "plot": ["lines.py throughput_gbps latency_p50_ns"])");
  const Outcome outcome = place.iovsim("run e.json --plot");
  CHECK(outcome.code == 0);
  const std::string picture = (place.folder / "results/e/plots/lines").string();
  CHECK(outcome.out.ends_with("picture: " + picture + ".png\npicture: " + picture + ".svg\n"));
  CHECK(place.read("results/e/plots/lines.png").size() > 10'000);
}

TEST_CASE("the figures of the path comparison come from table.csv alone, byte-equal each time") {
  const Place place;
  take_plots(place);
  std::filesystem::create_directories(place.folder / "r");
  place.write("r/table.csv", comparison());
  place.write("r/experiment.json", R"({"plot": ["path_comparison.py"]})");
  CHECK(place.iovsim("plot r").code == 0);
  for (const char* name : {"throughput", "latency_percentiles", "cycles_per_packet", "latency_stages", "exits_per_packet"}) {
    CHECK(place.exists(std::string("r/plots/") + name + ".png"));
    CHECK(place.exists(std::string("r/plots/") + name + ".svg"));
  }
  CHECK(place.shell("cp -r r/plots first").code == 0);
  CHECK(place.iovsim("plot r").code == 0);
  CHECK(place.shell("diff -r first r/plots").code == 0);
}

TEST_CASE("in greyscale no two parts of a figure of the path comparison look alike") {
  const Place place;
  place.write("alike.py", R"(
import sys
sys.path.insert(0, sys.argv[1])
import style
from matplotlib.colors import to_rgb

def lightness(colour):
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue

for table in (style.PATHS, style.CONTEXTS, style.EXITS, style.STAGES):
    inks = [(name, lightness(colour), hatch) for name, (colour, hatch) in table.items()]
    for i, (name, grey, hatch) in enumerate(inks):
        for other, its_grey, its_hatch in inks[i + 1:]:
            if hatch == its_hatch and abs(grey - its_grey) < 0.12:
                print(name, other)
)");
  const Outcome outcome = place.shell("/usr/bin/python3 alike.py '" IOVSIM_SOURCE_DIR "/experiments/plots'");
  CHECK(outcome.code == 0);
  CHECK(outcome.out.empty());
}

TEST_CASE("every stage of a journey is in one group of the figure of stages") {
  const Place place;
  place.write("stages.py", R"(
import sys
sys.path.insert(0, sys.argv[1])
import style
print(" ".join(sorted(stage for group in style.STAGE_GROUPS.values() for stage in group)))
print(style.STAGES.keys() == style.STAGE_GROUPS.keys())
)");
  std::vector<std::string> names(iov::stage_names.begin(), iov::stage_names.end());
  std::sort(names.begin(), names.end());
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : " ") + name;
  CHECK(place.shell("/usr/bin/python3 stages.py '" IOVSIM_SOURCE_DIR "/experiments/plots'").out == all + "\nTrue\n");
}

TEST_CASE("a plot that cannot be drawn is named") {
  const Place place;
  take_plots(place);
  std::filesystem::create_directories(place.folder / "r");
  place.write("r/table.csv", "path,throughput_gbps\nnative,1\n");
  place.write("r/experiment.json", R"({"plot": ["none.py", "path_comparison.py", "lines.py x"]})");
  const Outcome outcome = place.iovsim("plot r");
  CHECK(outcome.code == 2);
  CHECK(outcome.err == "no plot script " + (place.folder / "experiments/plots/none.py").string() +
                           "\n"
                           "path_comparison.py failed: r/table.csv has no column size, mode: not a path comparison\n"
                           "lines.py failed: r/table.csv: no axis with numbers only, nothing to draw lines along\n");
}

TEST_CASE("a folder whose experiment has no figures says so") {
  const Place place;
  place.experiment(R"("seeds": [1])");
  const Outcome run = place.iovsim("run e.json --plot");
  CHECK(run.code == 0);
  CHECK(run.out.ends_with("no figures: the experiment names no \"plot\"\n"));
  const Outcome plot = place.iovsim("plot results/e");
  CHECK(plot.code == 2);
  CHECK(plot.err == "results/e: its experiment names no \"plot\": nothing to draw\n");
}
