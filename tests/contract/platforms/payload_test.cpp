// SPDX-License-Identifier: Apache-2.0
// Byte-exact delivery through every path, each direction: lengths from 64 B to 1518 B in one capture, all bytes checked
// by the ledger, all translations by the IOMMU's witness, all invariants at eight checkpoints and at rest.
#include <fstream>

#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {
/// A capture with one frame of each length.
std::string lengths() {
  const std::string file = "/tmp/iovsim_lengths_" + std::to_string(::getpid()) + ".pcap";
  std::ofstream out(file, std::ios::binary);
  const auto put = [&](std::uint32_t v) { out.write(reinterpret_cast<const char*>(&v), 4); };
  for (const std::uint32_t word : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, 65535u, 1u}) put(word);
  for (const std::uint32_t packet : {64u, 65u, 127u, 256u, 257u, 570u, 1021u, 1499u, 1500u, 1518u}) {
    for (const std::uint32_t word : {0u, packet, 34u, packet - 4}) put(word);
    out << std::string("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x88\xb5", 14) << std::string(20, '\0');
  }
  return file;
}

void every_byte_arrives(const std::string& path, const std::string& direction) {
  const std::string file = lengths();
  const bool ats = path == "sriov_ats", zero_copy = path.starts_with("vmdq_zero_copy"), packed = path.ends_with("_packed");
  const std::string base = path.substr(0, path.find('_'));
  MachineBench m(with_payload + short_run +
                 Settings{{"vm0.path", base}, {"vm0.zero_copy", zero_copy}, {"vm0.virtio.packed", packed},
                          {"nic0.device_tlb.enabled", ats}, {"workload.direction", direction},
                          {"workload.sizes", "trace"}, {"workload.trace", file}});
  m.measure();
  std::filesystem::remove(file);
  const workload::Results results = m.workload->results();
  CAPTURE(path, direction, results.offered);
  const bool slow = direction == "request_response" || base == "emulation";  // whose guest waits for the mutex while its ring is filled
  CHECK(results.delivered > (slow ? 10u : 40u));
  CHECK(m.dropped(DropReason::malformed) == 0);
  CHECK(m.dropped(DropReason::blocked_by_iommu) == 0);
  CHECK(m.workload->ledger().unknown.value() == 0);
  if (zero_copy) CHECK(m.vms[0].path->copied().copies == 0);
}
}  // namespace

#define EVERY_BYTE(path)                                                                                        \
  TEST_CASE("every byte of every length arrives: " path ", transmit") { every_byte_arrives(path, "transmit"); } \
  TEST_CASE("every byte of every length arrives: " path ", receive") { every_byte_arrives(path, "receive"); }   \
  TEST_CASE("every byte of every length arrives: " path ", both ways") { every_byte_arrives(path, "bidirectional"); } \
  TEST_CASE("every byte of every length arrives: " path ", request and response") { every_byte_arrives(path, "request_response"); }

EVERY_BYTE("native")
EVERY_BYTE("emulation")
EVERY_BYTE("virtio")
EVERY_BYTE("vhost")
EVERY_BYTE("vmdq")
EVERY_BYTE("vmdq_zero_copy")
EVERY_BYTE("virtio_packed")
EVERY_BYTE("vhost_packed")
EVERY_BYTE("vmdq_packed")
EVERY_BYTE("vmdq_zero_copy_packed")
EVERY_BYTE("passthrough")
EVERY_BYTE("sriov")
EVERY_BYTE("sriov_ats")

TEST_CASE("native behind a translating IOMMU: every byte arrives", "[D1]") {
  MachineBench m(with_payload + short_run +
                 Settings{{"vm0.path", "native"}, {"vm0.native_iommu", "translate"}, {"workload.direction", "bidirectional"}});
  m.measure();
  CHECK(m.workload->results().delivered > 300);
  CHECK(m.dropped(DropReason::malformed) == 0);
  CHECK(m.result.summary["iotlb_hit_ratio"] > 0.5);
}

TEST_CASE("one byte changed in guest memory before the device reads it is noticed") {
  MachineBench m(with_payload + isolated("transmit", 4));
  m.start();
  m.run(150_us);
  const auto ring = m.read_register(1, nic::tx_register(0, nic::queue_base), 8);
  m.run(39_us);  // the first packet is due at 200 us
  m.workload->begin_window(m.timeline.now());
  std::uint64_t buffer = 0;
  for (int i = 0; i < 2000 && buffer == 0; ++i) {  // until the driver has written its descriptor
    m.timeline.run(m.timeline.now() + 10_ns);
    buffer = m.vms[0].memory->load<nic::TxDescriptor>(Gpa(ring)).address;
  }
  REQUIRE(buffer != 0);
  const Gpa last = Gpa(buffer) + 1495;
  m.vms[0].memory->store(last, static_cast<std::uint8_t>(m.vms[0].memory->load<std::uint8_t>(last) ^ 0x10));
  m.run(100_us);
  m.workload->end_window(m.timeline.now());
  CHECK(m.dropped(DropReason::malformed) == 1);
  CHECK(m.workload->results().delivered == 0);
}
