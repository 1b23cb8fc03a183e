// SPDX-License-Identifier: Apache-2.0
// One DMA read of 64 B on an idle machine, from the NIC's DMA engine to memory and back through link, root complex and
// IOMMU: exactly the sum of its parts, written out from their parameters.
#include "platforms/kind.h"
#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {
struct Reader : endpoint::DmaClient {
  explicit Reader(Timeline& t) : timeline(t) {}
  void dma_done(std::uint32_t, endpoint::DmaStatus status, ByteBuffer&& data) override {
    done = timeline.now();
    good = status == endpoint::DmaStatus::success;
    bytes = std::move(data);
  }
  Timeline& timeline;
  Time done;
  bool good = false;
  ByteBuffer bytes;
};
Tlp read_tlp(std::uint64_t address) {
  Tlp t;
  t.address = address, t.length = 64;
  return t;
}
Tlp completion_tlp() {
  Tlp t;
  t.type = TlpType::completion_data;
  t.length = t.byte_count = 64;
  return t;
}
}  // namespace

TEST_CASE("an unloaded DMA read with an IOTLB hit takes the sum of its parts, to the picosecond") {
  MachineBench m(silent);
  m.start();
  m.run(50_us);
  Reader reader(m.timeline);
  const unsigned channel = m.nic->dma_engine().add_channel(m.nic->requester(1), reader);
  const std::uint64_t address = 0x30'0000;
  const Hpa at = m.vms[0].memory->host(Gpa(address));
  const auto read = [&] {
    m.run(10_us);
    const Time begin = m.timeline.now();
    endpoint::DmaRequest r;
    r.address = address, r.length = r.real_bytes = 64;
    m.nic->dma_engine().submit(channel, std::move(r));
    m.run(10_us);
    return reader.done - begin;
  };
  m.cpu_memory->poke_value(at, std::uint64_t{0x1122334455667788});
  read();  // fills context cache and IOTLB
  m.cpu_memory->poke_value(at, std::uint64_t{0x8877665544332211});
  const Time taken = read();
  REQUIRE(reader.good);
  CHECK(reader.bytes.data()[0] == 0x11);

  const Link& link = m.tree->link_to("nic0");
  const auto config = effective(silent);
  const auto dma = params_of<endpoint::Nic::Params>(config["nic0"]).dma_engine;
  const auto root = params_of<RootComplexModule>(config["root_complex"]).root_complex;
  const auto unit = params_of<iommu::Params>(config["iommu"]);
  const auto memory = params_of<host::Memory::Params>(config["memory"]);
  const Time sum = dma.read_setup                                                       // DMA engine
                   + link.device.wire_time(read_tlp(address))          // request, 12 + 8 B
                   + link.device.params().propagation                                // link, upstream
                   + unit.context_cache.hit_latency + unit.iotlb.hit_latency            // translation
                   + root.inbound_latency                                               // root complex
                   + memory.llc_bandwidth.time_for(64) + memory.llc_latency             // memory: the processor wrote it
                   + root.completion_latency                                            // root complex
                   + link.root.wire_time(completion_tlp())          // completion, 12 + 64 + 8 B
                   + link.root.params().propagation;                                 // link, downstream
  CAPTURE(to_ns(taken), to_ns(sum));
  CHECK(to_ps(taken) == to_ps(sum));
}
