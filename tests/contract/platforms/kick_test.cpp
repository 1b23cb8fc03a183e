// SPDX-License-Identifier: Apache-2.0
// Notification suppression, through the whole machine.
#include <fstream>

#include "tests/contract/platforms/apart.h"

using namespace iov;
using namespace iov::platform;

namespace {
constexpr unsigned burst = 12;

/// A capture of `burst` frames of 64 B from a VM, `gap_us` apart, after one frame to it that says which side the VM is.
std::string capture(std::uint32_t gap_us) {
  const std::string file = "/tmp/iovsim_burst_" + std::to_string(::getpid()) + ".pcap";
  std::ofstream out(file, std::ios::binary);
  const auto put = [&](std::uint32_t v) { out.write(reinterpret_cast<const char*>(&v), 4); };
  for (const std::uint32_t word : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, 65535u, 1u}) put(word);
  for (std::uint32_t i = 0; i <= burst; ++i) {
    for (const std::uint32_t word : {0u, i == 0 ? 0u : 500 + gap_us * i, 60u, 60u}) put(word);
    std::string frame(60, '\0');
    frame.replace(i == 0 ? 0 : 6, 6, "\x02\x00\x00\x00\x00\x01", 6);  // the VM
    frame.replace(i == 0 ? 6 : 0, 6, "\x02\x00\x00\x00\x00\x02", 6);
    frame.replace(12, 2, "\x88\xb5", 2);
    out << frame;
  }
  return file;
}

void one_kick(const std::string& path, std::uint32_t gap_us, bool packed = false) {
  const std::string file = capture(gap_us);
  MachineBench m({{"vm0.path", path}, {"vm0.virtio.packed", packed}, {"workload.trace", file}, {"workload.arrivals", "trace"}, {"workload.sizes", "trace"},
                  {"workload.trace_loop", false}, {"workload.measure.warm_up", "100 us"}, {"workload.measure.duration", "900 us"}});
  m.measure();
  std::filesystem::remove(file);
  CHECK(m.workload->results(workload::Way::transmit).delivered == burst);
  CHECK(exits_of(m) == "kick 1");
}
}  // namespace

TEST_CASE("virtio: a burst of 12 packets that are due at once costs one kick", "[A5]") { one_kick("virtio", 0); }
TEST_CASE("vhost: a burst of 12 packets that are due at once costs one kick", "[A5]") { one_kick("vhost", 0); }
TEST_CASE("vmdq: a burst of 12 packets that are due at once costs one kick", "[A5]") { one_kick("vmdq", 0); }
TEST_CASE("virtio: 12 packets that follow each other while the back end runs cost one kick", "[A5]") { one_kick("virtio", 1); }
TEST_CASE("vhost: 12 packets that follow each other while the back end runs cost one kick", "[A5]") { one_kick("vhost", 1); }

TEST_CASE("virtio, packed ring: 12 packets that follow each other while the back end runs cost one kick", "[A5][A27]") {
  one_kick("virtio", 1, true);
}
TEST_CASE("vmdq, packed ring: a burst of 12 packets that are due at once costs one kick", "[A5][A27]") { one_kick("vmdq", 0, true); }

TEST_CASE("virtio at saturation hardly kicks: the back end always runs", "[A5][A27]") {
  MachineBench m(short_run + Settings{{"vm0.path", "virtio"}});
  const double kicks = m.measure()["exits_per_packet_by_cause"]["kick"];
  CHECK(kicks < 0.02);
}
void kicked_once_per_packet(bool packed) {
  MachineBench m(isolated("transmit", 16) + Settings{{"vm0.path", "vhost"}, {"vm0.virtio.event_index", false}, {"vm0.virtio.packed", packed}});
  m.measure();
  CHECK(exits_of(m) == "kick 16");  // flags instead of indices: the same notifications
}
TEST_CASE("with flags instead of event indices an idle back end is kicked once per packet just the same") { kicked_once_per_packet(false); }
TEST_CASE("with flags instead of descriptors to wait for, so is one of a packed ring") { kicked_once_per_packet(true); }

TEST_CASE("a packet from rest moves half the cache lines in a packed ring, and costs guest and back end less by that", "[A27]") {
  const auto cycles = [](bool packed, double line) {
    return summary_of(isolated("transmit", 16) + Settings{{"vm0.path", "vhost"}, {"vm0.virtio.packed", packed},
                                                          {"host.costs.line_move", std::to_string(line) + " ns"}}, current)["cpu_cycles_per_packet"]
        .get<double>();
  };
  const double split_lines = (cycles(false, 1000) - cycles(false, 0)) / 3000, packed_lines = (cycles(true, 1000) - cycles(true, 0)) / 3000;
  CAPTURE(split_lines, packed_lines);
  CHECK(packed_lines >= 3);
  CHECK(split_lines >= packed_lines + 2);
}

TEST_CASE("the emulator's I/O thread hears of packets also when the guest's ring and the tap became empty together", "[A5]") {
  MachineBench m({{"vm0.path", "virtio"},
                  {"vm0.virtio.queue_size", 8},
                  {"vm0.virtio.refill_batch", 4},
                  {"workload.direction", "receive"},
                  {"workload.packet_bytes", 64},
                  {"workload.arrivals", "poisson"},
                  {"workload.packet_rate", 300000},
                  {"workload.measure.warm_up", "5 ms"},
                  {"workload.measure.duration", "50 ms"},
                  {"workload.measure.drain_limit", "200 ms"}});
  CHECK(m.measure()["packet_rate_mpps"] > 0.05);  // and at rest nothing is under way
}

TEST_CASE("event indices and a transmit timer: the guest goes on kicking after each batch", "[A5]") {
  MachineBench m({{"vm0.path", "virtio"},
                  {"vm0.backend.transmit_timer", "50 us"},
                  {"workload.direction", "request_response"},
                  {"workload.measure.warm_up", "1 ms"},
                  {"workload.measure.duration", "5 ms"},
                  {"workload.measure.drain_limit", "50 ms"}});
  CHECK(m.measure()["packet_rate_mpps"] > 0.005);
}
