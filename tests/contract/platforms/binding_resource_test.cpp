// SPDX-License-Identifier: Apache-2.0
/// What the report says limits a run.
#include "platforms/utilization.h"
#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {

using Json = nlohmann::ordered_json;

/// "resource share" of a whole run, with the sriov path of the current server.
std::string binding(const Settings& settings) {
  MachineBench m(Settings{{"workload.measure.duration", "1 ms"}} + settings);
  m.measure();
  const std::string resource = m.result.summary.at("binding_resource");
  INFO(m.result.summary.at("utilization").dump(2));
  const Json& shares = m.result.summary.at("utilization");
  if (shares.contains(resource)) CHECK(shares.at(resource).get<double>() >= saturated);
  else
    for (const auto& [name, share] : shares.items())
      if (name != "workload.peer.wire_busy") CHECK(share.get<double>() < saturated);
  return resource;
}

}  // namespace

TEST_CASE("what works and is saturated binds before what is only held") {
  CHECK(saturated_resource({{"nic0.wire.busy", 0.97}, {"nic0.outstanding.tags", 1.0}}) == "nic0.wire.busy");
  CHECK(saturated_resource({{"nic0.wire.busy", 0.97}, {"host.core0 (vm0.vcpu)", 0.99}}) == "host.core0 (vm0.vcpu)");
}
TEST_CASE("of allowances that are used up the last one binds: the others wait for it") {
  CHECK(saturated_resource({{"iommu.translation_queue", 0.96}, {"nic0.outstanding.tags", 1.0}, {"nic0.wire.busy", 0.5}}) ==
        "iommu.translation_queue");
  CHECK(saturated_resource({{"link0.device.posted_credit_stall", 0.96}, {"root_complex.inbound.write_lines", 0.94}}) ==
        "link0.device.posted_credit_stall");
}
TEST_CASE("nothing that is not saturated binds") {
  CHECK(saturated_resource({{"nic0.wire.busy", 0.949}, {"nic0.outstanding.tags", 0.949}}).empty());
}

TEST_CASE("cores take turns when one of them works at a time, nearly always") {
  CHECK(take_turns({0.82, 0, 0.16}, 0.98));
  CHECK(take_turns({0.82, 0, 0.13}, 0.95));
  CHECK_FALSE(take_turns({0.82, 0, 0.13}, 0.949));  // at times none of them works
  CHECK_FALSE(take_turns({0.82, 0.16, 0.05}, 0.97));  // two at once for longer
  CHECK_FALSE(take_turns({0.6, 0.1}, 0.98));  // awake, on the way from rest, but without work
  CHECK_FALSE(take_turns({}, 1));
}

TEST_CASE("a full wire binds") { CHECK(binding({}) == "nic0.wire.busy"); }
TEST_CASE("a device with one tag is bound by its tags, not by the wire that it does not fill") {
  CHECK(binding({{"nic0.dma_engine.tags", 1}}) == "nic0.outstanding.tags");
}
TEST_CASE("the bound on outstanding reads counts as the tags it leaves unused") {
  CHECK(binding({{"nic0.dma_engine.outstanding_reads", 1}}) == "nic0.outstanding.tags");
}
TEST_CASE("a queue that may read one TLP at a time is bound by that, of tags there are enough") {
  CHECK(binding({{"nic0.dma_engine.outstanding_reads_per_channel", 1}}) == "nic0.dma_engine.outstanding_reads_per_channel");
}
TEST_CASE("a round trip at a time is bound by latency") {
  CHECK(binding({{"workload.direction", "request_response"}}) == "latency");
}
TEST_CASE("a load that is delivered whole binds by itself") {
  CHECK(binding({{"workload.arrivals", "constant"}, {"workload.bit_rate", "1 Gb/s"}}) == "offered load");
}
