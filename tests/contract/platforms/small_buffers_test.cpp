// SPDX-License-Identifier: Apache-2.0
// A NIC that fills 256 B of each buffer: frames of six descriptors, of which it prefetches fewer.
#include "tests/contract/platforms/apart.h"

using namespace iov;
using namespace iov::platform;

namespace {
Settings small(const Settings& others) {
  return short_run + Settings{{"nic0.receiver.descriptor_buffer", "256 B"}, {"nic0.receiver.prefetch", 4},
                              {"nic0.receiver.prefetch_threshold", 1}, {"workload.direction", "bidirectional"}} + others;
}
void every_byte_arrives_in_pieces(const Settings& settings) {
  MachineBench m(with_payload + small({{"workload.arrivals", "constant"}, {"workload.packet_rate", 50000}}) + settings +
                 Settings{{"workload.measure.duration", "4 ms"}});
  m.measure();
  CHECK(m.workload->results().delivered > 150);
  CHECK(m.dropped(DropReason::malformed) == 0);
  CHECK(m.dropped(DropReason::blocked_by_iommu) == 0);
  CHECK(m.counter("nic0.receiver.descriptors") > 3 * m.counter("nic0.receiver.frames"));
}
}  // namespace

TEST_CASE("frames over several buffers: every byte arrives, taken by interrupts") { every_byte_arrives_in_pieces({{"vm0.path", "sriov"}}); }

TEST_CASE("frames over several buffers: every byte arrives where each buffer is mapped for its packet") {
  every_byte_arrives_in_pieces({{"vm0.path", "native"}, {"vm0.native_iommu", "translate"}, {"vm0.iommu_mapping", "strict"}});
}

TEST_CASE("frames over several buffers: every byte arrives through a host that bridges") { every_byte_arrives_in_pieces({{"vm0.path", "vhost"}}); }

TEST_CASE("frames over several lent buffers are dropped as malformed, and the buffers go back") {
  MachineBench m(small({{"vm0.path", "vmdq"}, {"vm0.zero_copy", true}, {"workload.direction", "receive"}}));
  m.measure();
  CHECK(m.workload->results().delivered == 0);
  CHECK(m.dropped(DropReason::malformed) > 500 / 2);
}

TEST_CASE("each further buffer of a frame costs its driver what a frame does") {
  const auto cycles = [](const char* buffer) {
    const Settings costs{{"host.core.frequency", "1 GHz"}, {"host.costs.driver_receive", "100 ns"}, {"host.costs.driver_refill", "0 ns"}};
    const Settings path{{"vm0.path", "sriov"}, {"nic0.receiver.descriptor_buffer", buffer}};
    return summary_of(isolated("receive", 5) + path + costs, current).at("cycles_per_packet_by_work").at("driver").get<double>();
  };
  CHECK(cycles("256 B") - cycles("2 KiB") == Approx(500));
}
