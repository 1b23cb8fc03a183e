// SPDX-License-Identifier: Apache-2.0
/// What tests of scripts share: a window after the VFs have come up, and throughput in parts of it.
#pragma once
#include "tests/contract/platforms/machine_bench.h"

namespace iov::platform {

using Json = nlohmann::ordered_json;

/// VFs come up through their mailboxes in the first millisecond; what is done and seen counts from its end.
inline constexpr double up_us = 1000;
inline const Settings time_line{{"workload.measure.warm_up", "1200 us"},
                                {"workload.measure.duration", "800 us"},
                                {"workload.measure.interval", "100 us"},
                                {"workload.measure.drain_limit", "50 ms"}};
inline Settings script(Json actions) {
  for (Json& action : actions) {
    Time at;
    REQUIRE(read_value(action["at"], at).empty());
    action["at"] = std::to_string(at.to_seconds() * 1e6 + up_us) + " us";
  }
  return {{"script", actions}};
}
inline Settings lasting(const char* duration) { return {{"workload.measure.duration", duration}}; }
inline Settings constant(const char* direction, const char* rate) {
  return {{"workload.direction", direction}, {"workload.arrivals", "constant"}, {"workload.bit_rate", rate}};
}

/// Mean throughput of a VM, Gb/s.
inline double gbps_between(const MachineBench& m, const std::string& vm, double from_us, double to_us) {
  double sum = 0;
  from_us += up_us, to_us += up_us;
  for (const TimeLineRow& row : m.result.time_line)
    if (row.vm == vm && row.begin_us >= from_us - 0.5 && row.end_us <= to_us + 0.5) sum += row.throughput_gbps * (row.end_us - row.begin_us);
  return sum / (to_us - from_us);
}
inline std::uint64_t delivered(const MachineBench& m, unsigned vm) {
  return m.workload->ledger().vms.at(vm, workload::PacketLedger::delivered);
}
inline std::uint64_t offered(const MachineBench& m, unsigned vm) {
  return m.workload->ledger().vms.at(vm, workload::PacketLedger::offered);
}

}  // namespace iov::platform
