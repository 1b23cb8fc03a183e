// SPDX-License-Identifier: Apache-2.0
/// An unloaded write is over after its parts, to the picosecond: fetched from the device's memory, set up, and on the wire but
/// for what the transmit buffer holds.
#include "tests/reference/platforms/pcie_bench.h"
using namespace iov;
using namespace iov::platform;

namespace {
struct Writes : DmaMachine {
  Writes(std::uint64_t kib, DmaSettings settings, const std::string& platform)
      : DmaMachine(effective_dma(with(kib, std::move(settings)), platform), 1), bytes(kib * 1024) {}
  static DmaSettings with(std::uint64_t kib, DmaSettings more) {
    const std::string size = std::to_string(kib) + " KiB";
    const DmaSettings one{{"dma0.pattern", "write"}, {"dma0.transfer_size", size}, {"dma0.window", size}, {"dma0.outstanding", 1},
                          {"dma0.transfers", 50}, {"dma0.warm_up", 100}};
    more.insert(more.begin(), one.begin(), one.end());
    return more;
  }
  const endpoint::DmaBenchParams& dma() { return measured().params.device; }
  std::uint64_t tlps() { return bytes / 256; }
  Tlp tlp() {
    Tlp t;
    t.type = TlpType::memory_write, t.address = PcieTree::first_address, t.length = 256;
    return t;
  }
  Time buffered(const Bandwidth& rate) { return rate.time_for(dma().transfers.transmit_buffer.count); }
  /// Every transaction of the window took this long, beside what the device does first.
  void check(const Time& way) {
    const PointResult result = run(*this, {});
    CHECK(result.summary.at("failed_transactions") == 0);
    const auto& transfers = measured().device->transfers();
    CHECK(transfers.latency.count() >= 50);
    const Time sum = dma().transfers.local_bandwidth.time_for(bytes) + dma().transfers.write_setup + way;
    CAPTURE(transfers.latency.min_ns(), transfers.latency.max_ns(), to_ns(sum));
    CHECK(transfers.latency.min_ns() == Approx(to_ns(sum)).margin(0.0011));  // in whole picoseconds
    CHECK(transfers.latency.max_ns() == Approx(to_ns(sum)).margin(0.0011));
  }
  const std::uint64_t bytes;
};
}  // namespace

TEST_CASE("a write to memory takes the wire time of all but the transmit buffer") {
  Writes m(2, {{"dma0.translation", "off"}}, "platforms/pcie_bench_broadwell.json");
  const pcie::Port& port = m.tree->link_to("dma0").device;
  m.check(static_cast<double>(m.tlps()) * port.wire_time(m.tlp()) - m.buffered(pcie::tlp_bandwidth(port.params())));
}

TEST_CASE("a write to a peer inside the device takes the time of the way inside, more TLPs than fit on that way as well", "[B24]") {
  Writes m(32, {{"dma0.peer", "dma0"}, {"dma0.peer_function", 1}, {"dma0.bar_size", "64 KiB"}}, "platforms/peer_to_peer.json");
  const auto& inside = m.dma().peer_to_peer;
  const Time each = inside.bandwidth.time_for(m.tlp().header() + 256);
  m.check(static_cast<double>(m.tlps()) * each - m.buffered(inside.bandwidth));
}
