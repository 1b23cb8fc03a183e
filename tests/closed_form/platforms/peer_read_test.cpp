// SPDX-License-Identifier: Apache-2.0
/// An unloaded 64 B read of a peer's memory takes the sum of the parts of its way, to the picosecond.
#include "tests/reference/platforms/pcie_bench.h"
using namespace iov;
using namespace iov::platform;

namespace {
const std::string platform_file = "platforms/peer_to_peer.json";
const DmaSettings one{{"dma0.outstanding", 1}, {"dma0.transfers", 50}, {"dma0.warm_up", 100}, {"dma0.window", "4 KiB"}};

DmaSettings with(DmaSettings more) {
  more.insert(more.begin(), one.begin(), one.end());
  return more;
}

Tlp read_tlp() {
  Tlp t;
  t.address = PcieTree::first_address, t.length = 64;
  return t;
}
Tlp peer_answer_tlp() {
  Tlp t;
  t.type = TlpType::completion_data;
  t.length = t.byte_count = 64;
  return t;
}

struct Peers : DmaMachine {
  const nlohmann::json config;
  explicit Peers(const DmaSettings& settings) : Peers(effective_dma(with(settings), platform_file)) {}
  explicit Peers(nlohmann::json&& effective) : DmaMachine(effective, 1), config(std::move(effective)) {}
  /// Every transaction of the window took this long.
  void check(const Time& sum) {
    const PointResult result = run(*this, {});
    CHECK(result.summary.at("failed_transactions") == 0);
    const auto& transfers = measured().device->transfers();
    CHECK(transfers.latency.count() >= 50);
    CAPTURE(transfers.latency.min_ns(), transfers.latency.max_ns(), to_ns(sum));
    CHECK(transfers.latency.min_ns() == Approx(to_ns(sum)).margin(0.0011));  // in whole picoseconds
    CHECK(transfers.latency.max_ns() == Approx(to_ns(sum)).margin(0.0011));
  }
  const DmaBenchModule& dma() { return measured().params; }
  Link& link(const char* device) { return tree->link_to(device); }
  /// On the wire and through the pipelines of a link, by what its sender is.
  static Time hop(const pcie::Port& sender, const Tlp& tlp) { return sender.wire_time(tlp) + sender.params().propagation; }
  /// Cut through: the header has come that much before the end of the payload.
  Time forward(const pcie::Port& from, const Tlp& tlp) const {
    return params_of<pcie::SwitchParams>(config.at("switch0")).latency - (from.wire_time(tlp) - from.wire_time_of(tlp.header()));
  }
  /// The device's own share: set-up, its memory, the peer's answer.
  Time ends() {
    return dma().device.dma_engine.read_setup + dma().device.transfers.local_bandwidth.time_for(64) +
           params_of<DmaBenchModule>(config.at("dma1")).device.register_latency;
  }
  Time translation() const {
    const auto unit = params_of<iommu::Params>(config.at("iommu"));
    return unit.context_cache.hit_latency + unit.iotlb.hit_latency;
  }
  Time root() const { return params_of<RootComplexModule>(config.at("root_complex")).root_complex.inbound_latency; }
};
}  // namespace

TEST_CASE("peer to peer through a switch: two links and a hop each way", "[B24]") {
  Peers m{DmaSettings{}};
  const Tlp read = read_tlp(), answer = peer_answer_tlp();
  Link &mine = m.link("dma0"), &peers = m.link("dma1");
  m.check(m.ends() + Peers::hop(mine.device, read) + m.forward(mine.device, read) + Peers::hop(peers.root, read) +
          Peers::hop(peers.device, answer) + m.forward(peers.device, answer) + Peers::hop(mine.root, answer));
  CHECK(m.root_complex->inbound.peer_to_peer.value() == 0);
}

TEST_CASE("peer to peer redirected: up through switch, root complex and IOMMU, the answer through the switch", "[B24]") {
  Peers m(DmaSettings{{"link0.acs.request_redirect", true}});
  const Tlp read = read_tlp(), answer = peer_answer_tlp();
  Link &mine = m.link("dma0"), &peers = m.link("dma1"), &up = m.link("switch0");
  m.check(m.ends() + Peers::hop(mine.device, read) + m.forward(mine.device, read) + Peers::hop(up.device, read) + m.translation() +
          m.root() + Peers::hop(up.root, read) + m.forward(up.root, read) + Peers::hop(peers.root, read) +
          Peers::hop(peers.device, answer) + m.forward(peers.device, answer) + Peers::hop(mine.root, answer));
  CHECK(m.root_complex->inbound.peer_to_peer.value() > 0);
}

TEST_CASE("peer to peer inside a device: its own way there and back", "[B24]") {
  Peers m(DmaSettings{{"dma0.peer", "dma0"}, {"dma0.peer_function", 1}});
  const auto& inside = m.dma().device.peer_to_peer;
  const Tlp read = read_tlp(), answer = peer_answer_tlp();
  m.check(m.ends() + inside.latency + inside.bandwidth.time_for(read.header()) + inside.latency +
          inside.bandwidth.time_for(answer.header() + answer.payload()));
}
