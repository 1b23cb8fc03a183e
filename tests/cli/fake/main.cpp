// SPDX-License-Identifier: Apache-2.0
/// iovsim with a simulator of a few lines behind it: the command line is tested with points that are
/// quick, wrong, slow or dead at will.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "experiments/iovsim/lib/program.h"
#include "models/core/sim_error.h"
#include "models/core/units.h"

namespace {

using namespace iov;
using namespace iov::platform;

/// Of a signal, also where a sanitizer would turn it into an exit code.
void die() {
  std::signal(SIGSEGV, SIG_DFL);
  std::raise(SIGSEGV);
}

struct TlbParams {
  unsigned entries = 64, ways = 4;
  template <class V>
  void describe(V& v) {
    v.field("entries", entries, Range<unsigned>{0, 1024}, "cached entries", no_source);
    v.field("ways", ways, Range<unsigned>{1, 64}, "associativity", no_source);
    v.require(entries % ways == 0, "entries must be a multiple of ways");
  }
};

enum class Path : std::uint8_t { native, virtio, sriov };
struct NicParams {
  unsigned tags = 32;
  Bandwidth rate{1.25e9};
  Time latency = 300_ns;
  Bytes buffer = 64_KiB;
  Frequency clock{2.1e9};
  double factor = 1.5;
  bool ats = false;
  Path path = Path::native;
  TlbParams tlb;
  template <class V>
  void describe(V& v) {
    v.field("tags", tags, Range<unsigned>{1, 768}, "outstanding read requests", "PCIe 5.0, 2.2.6.2");
    v.field("rate", rate, Range<Bandwidth>{{1e6}, {1e12}}, "of the wire", no_source);
    v.field("latency", latency, Range<Time>{{}, 1_us}, "of one access", no_source);
    v.field("buffer", buffer, Range<Bytes>{1_KiB, 16_MiB}, "packet buffer", no_source);
    v.field("clock", clock, Range<Frequency>{{1e6}, {1e10}}, "of the device", no_source);
    v.field("factor", factor, Range<double>{0, 10}, "some factor", no_source);
    v.flag("ats", ats, "address translation services", no_source);
    v.choice("path", path, Names<3>{"native", "virtio", "sriov"}, "which way packets go", no_source);
    v.group("tlb", tlb, "device TLB");
  }
};

enum class Fate : std::uint8_t { good, crash, invariant, fault, refuse, hang, unbuildable };
struct WorkloadParams {
  struct Measure {
    Time duration = 1_us;
    template <class V>
    void describe(V& v) {
      v.field("duration", duration, Range<Time>{{}, Time(1, sc_core::SC_SEC)}, "of the window", no_source);
    }
  } measure;
  unsigned packet_bytes = 64;
  Fate fate = Fate::good;
  std::string trace;
  template <class V>
  void describe(V& v) {
    v.field("packet_bytes", packet_bytes, Range<unsigned>{64, 9000, "B"}, "length of a frame", no_source);
    v.choice("fate", fate, Names<7>{"good", "crash", "invariant", "fault", "refuse", "hang", "unbuildable"},
             "how the point ends", no_source);
    v.file("trace", trace, "capture to replay", no_source);
    v.group("measure", measure, "window");
  }
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{make_kind<NicParams>("nic", "a network card"),
                                     make_kind<WorkloadParams>("workload", "packets")};
  return all;
}

void meet(Fate fate) {
  if (fate == Fate::crash) die();
  if (fate == Fate::hang) std::this_thread::sleep_for(std::chrono::seconds(30));
  if (fate == Fate::invariant) throw InvariantBroken(5_ns, "nic0.books", "invariant broken: packets are conserved (1 != 2)");
  if (fate == Fate::fault) throw SimError(5_ns, "nic0", "completion without request");
  if (fate == Fate::refuse) throw BadInput("workload.trace: \"lost.pcap\" has no packets");
}

PointResult simulate_fake(const nlohmann::json& config, std::uint64_t seed, const Progress& progress) {
  const auto nic = params_of<NicParams>(config.at("nic0"));
  const auto workload = params_of<WorkloadParams>(config.at("workload"));
  meet(workload.fate);
  progress(workload.measure.duration, 0.5);
  const double share = nic.path == Path::virtio ? 0.3 : nic.path == Path::sriov ? 0.95 : 1.0;
  const double bytes = workload.packet_bytes;
  PointResult result;
  result.summary["throughput_gbps"] = share * 10 * bytes / (bytes + 24) + 1e-6 * static_cast<double>(seed);
  result.summary["latency_p50_ns"] = to_ns(nic.latency) + bytes;
  result.summary["binding_resource"] = nic.path == Path::virtio ? "core0" : "wire";
  result.summary["exits_per_packet_by_cause"] = {{"mmio", nic.path == Path::virtio ? 0.5 : 0.0}};
  result.stats = {{"nic0.reads", "count", "1", 40}, {"nic0.tlb", "hits", "1", 30}};
  if (nic.ats) result.stats.push_back({"nic0.device_tlb", "hits", "1", 20});
  result.latency = {{"one_way", {100, 110, 7}}};
  result.journeys = {{"wire", 67.2, 1}};
  result.events = 1000;
  result.simulated_seconds = workload.measure.duration.to_seconds();
  return result;
}

void build_fake(const nlohmann::json& config, std::uint64_t) {
  const auto workload = params_of<WorkloadParams>(config.at("workload"));
  if (workload.fate == Fate::refuse) meet(workload.fate);
  if (workload.fate == Fate::unbuildable) die();
}

int exit_code = 0;

}  // namespace

int sc_main(int argc, char* argv[]) {
  set_time_resolution();
  const experiment::Program program{"test", kinds(), {{"native", "no virtualization"}}, simulate_fake,
                                    build_fake};
  return exit_code = experiment::run_command_line(program, argc, argv);
}

int main(int argc, char* argv[]) {
  ::setenv("SC_COPYRIGHT_MESSAGE", "DISABLE", 1);
  const int elaborated = sc_core::sc_elab_and_sim(argc, argv);
  return exit_code != 0 ? exit_code : elaborated;
}
