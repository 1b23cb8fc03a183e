// SPDX-License-Identifier: Apache-2.0
/// Several devices, switches and root ports in one platform; what is refused, and why.
#include "tests/reference/platforms/pcie_bench.h"
using namespace iov::platform;

namespace {
const std::string platform_file = "platforms/peer_to_peer.json";
const DmaSettings quick_run{{"dma0.transfers", 300}, {"dma0.warm_up", 50}};
DmaSettings with(DmaSettings more) {
  more.insert(more.begin(), quick_run.begin(), quick_run.end());
  return more;
}
nlohmann::ordered_json run_peers(const DmaSettings& more) {
  return simulate(effective_dma(with(more), platform_file), 1, {}).summary;
}
std::string refusal_of_tree(const DmaSettings& more) {
  try {
    run_peers(more);
  } catch (const BadInput& wrong) {
    return wrong.what();
  }
  return "accepted";
}
}  // namespace

TEST_CASE("tree: bus numbers and addresses are shared out depth first") {
  DmaMachine m(effective_dma({}, platform_file), 1);
  const auto buses = [&](const char* to) {
    const auto& place = m.tree->place_of(to);
    return std::pair(place.first_bus, place.last_bus);
  };
  CHECK(buses("dma2") == std::pair(1u, 84u));  // link2 comes before link_up
  CHECK(buses("switch0") == std::pair(85u, 254u));
  CHECK(buses("dma0") == std::pair(87u, 170u));  // after the switch's own bus and the one inside
  CHECK(buses("dma1") == std::pair(171u, 254u));
  CHECK(m.devices[0]->device->requester(0).bus() == 87);
}

TEST_CASE("tree: devices below a switch share its uplink to host memory evenly", "[B24]") {
  const auto s = run_peers({{"dma0.target", "memory"}, {"dma0.transfer_size", "256 B"}, {"dma1.target", "memory"},
                            {"dma1.transfer_size", "256 B"}, {"dma1.window", "16 KiB"}, {"dma0.transfers", 5000}});
  CHECK(s.at("failed_transactions") == 0);
  CHECK(s.at("bandwidth_gbps").get<double>() == Approx(53.6902 / 2).epsilon(0.06));  // completions of 256 B on Gen3 x8
}

TEST_CASE("tree: a read of a peer that egress control blocks fails", "[B24]") {
  const auto s = run_peers({{"link0.acs.egress_control", true}, {"link0.acs.egress_vector", 4}});
  CHECK(s.at("failed_transactions") >= 300);  // all of them
}

TEST_CASE("tree: source validation of a root port lets a device's own functions pass") {
  const auto s = run_peers({{"dma0.target", "memory"}, {"link_up.acs.source_validation", true}, {"dma0.requesters", 4}});
  CHECK(s.at("failed_transactions") == 0);
}

TEST_CASE("tree: an end that is not there is refused with what there is") {
  CHECK(refusal_of_tree({{"link1.upstream", "switch7"}}) ==
        "link1.upstream = \"switch7\": no root complex or switch; there is \"root_complex\", \"switch0\"");
}
TEST_CASE("tree: a device at two links is refused") {
  CHECK(refusal_of_tree({{"link1.device", "dma0"}}) == "link1.device = \"dma0\": link0 leads there already");
}
TEST_CASE("tree: a device without a link is refused") {
  CHECK(refusal_of_tree({{"link2", nullptr}}) == "dma2: no module of kind \"link\" leads to it");
}
TEST_CASE("tree: switches in a circle are refused") {
  CHECK(refusal_of_tree({{"link_up.upstream", "switch0"}}) == "link0.upstream = \"switch0\" is not below root_complex");
}
TEST_CASE("tree: a peer that is not there is refused") {
  CHECK(refusal_of_tree({{"dma0.peer", "dma9"}}) == "dma0.peer = \"dma9\": no module of kind \"dma_bench\" has this name");
}
TEST_CASE("tree: a window larger than the peer's BAR is refused") {
  CHECK(refusal_of_tree({{"dma0.window", "128 KiB"}}) == "dma0.window does not fit into dma1.bar_size");
}
TEST_CASE("tree: a peer's function that it cannot have is refused") {
  CHECK(refusal_of_tree({{"dma0.peer_function", 65}}) == "dma1.functions: a peer's target is VF 65, more than the device can have");
}
TEST_CASE("tree: devices that all only serve are refused") {
  CHECK(refusal_of_tree({{"dma0.target", "none"}}) == "dma0.target: no device has transfers");
}
TEST_CASE("tree: an IOMMU that is on for one device only is refused") {
  CHECK(refusal_of_tree({{"dma1.target", "memory"}, {"dma1.translation", "off"}}) ==
        "dma1.translation: the IOMMU is on for all devices or for none, and dma0 has it on");
}
TEST_CASE("tree: access control services that a root port does not have are refused", "[B24]") {
  CHECK(refusal_of_tree({{"link2.acs.request_redirect", true}}) ==
        "link2.acs: the port above is a root port, which has source_validation and translation_blocking only: all that is untranslated "
        "goes through the IOMMU, there is nothing to redirect");
}

namespace {
/// What a device does with reads from one of its functions to another, and with their completions.
std::string within_device(DmaSettings services) {
  services.insert(services.begin(), {{"dma0.peer", "dma0"}, {"dma0.peer_function", 1}});
  const PointResult result = simulate(effective_dma(with(services), platform_file), 1, {});
  CHECK(result.summary.at("failed_transactions") == 0);
  double stayed = -1, redirected = -1;
  for (const StatRow& row : result.stats) {
    if (row.path == "dma0.peer_loop.peer_to_peer") stayed = row.value;
    if (row.path == "dma0.peer_loop.redirected") redirected = row.value;
  }
  return std::string(stayed > 0 ? "requests stay" : "requests go up") + (stayed > 0 && redirected > 0 ? ", completions go up" : "");
}
}  // namespace

TEST_CASE("acs of a device: without any service what is for a function of its own stays", "[B24]") { CHECK(within_device({}) == "requests stay"); }
TEST_CASE("acs of a device: request redirect sends requests up", "[B24]") {
  CHECK(within_device({{"dma0.peer_to_peer.request_redirect", true}}) == "requests go up");
}
TEST_CASE("acs of a device: completion redirect sends completions up", "[B24]") {
  CHECK(within_device({{"dma0.peer_to_peer.completion_redirect", true}}) == "requests stay, completions go up");
}
TEST_CASE("acs of a device: direct translated lets translated requests stay under redirect", "[B24][E4]") {
  CHECK(within_device({{"dma0.peer_to_peer.request_redirect", true}, {"dma0.peer_to_peer.direct_translated", true},
                       {"dma0.device_tlb.enabled", true}}) == "requests stay");
}
TEST_CASE("acs of a device: direct translated lets no untranslated request stay under redirect", "[B24][E4]") {
  CHECK(within_device({{"dma0.peer_to_peer.request_redirect", true}, {"dma0.peer_to_peer.direct_translated", true}}) == "requests go up");
}
