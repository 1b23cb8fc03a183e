// SPDX-License-Identifier: Apache-2.0
/// A whole machine from a shipped platform file and some --set values, for tests: runs it, and reads what its
/// hardware holds as software would, through registers and memory.
#pragma once
#include <catch2/catch.hpp>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "models/core/tree.h"
#include "models/protocol/vtd_registers.h"
#include "platforms/catalog.h"
#include "platforms/config.h"
#include "platforms/machine.h"

namespace iov::platform {

using Setting = std::pair<std::string, nlohmann::ordered_json>;
using Settings = std::vector<Setting>;

inline constexpr const char *current = "platforms/server_10g.json", *of_2010 = "platforms/server_2010_10g.json";

inline nlohmann::json effective(const Settings& settings, const std::string& platform = current) {
  const std::filesystem::path home = IOVSIM_SOURCE_DIR;
  ProblemSink problems;
  Config config(home, catalog());
  config.merge("", load_json(home / platform, platform, problems).value(), platform, home / platform);
  for (const auto& [path, value] : settings) config.merge(path, value, "test");
  auto result = config.effective(problems);
  INFO(problems.text());
  REQUIRE(problems.empty());
  return result;
}

/// Settings for a number of VMs beside vm0, all on one path; VM i has core 2 + i.
inline Settings more_vms(unsigned vms, const std::string& path, const nlohmann::ordered_json& others = nlohmann::ordered_json::object()) {
  Settings settings{{"host.cores", 2 + vms}};
  for (unsigned i = 0; i < vms; ++i) {
    nlohmann::ordered_json vm{{"kind", "vm"}, {"path", path}, {"vcpu_core", 2 + i}, {"interrupt_core", 2 + i}, {"backend_core", 1}};
    vm.update(others);
    settings.emplace_back("vm" + std::to_string(i), vm);
  }
  return settings;
}

inline Settings operator+(Settings a, const Settings& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Every packet's bytes are carried and checked, every translation is checked by an independent witness.
inline const Settings with_payload{{"workload.carry_payload", true}, {"iommu.audit", true}};
inline const Settings short_run{{"workload.measure.warm_up", "100 us"},
                                {"workload.measure.duration", "400 us"},
                                {"workload.measure.drain_limit", "50 ms"},
                                {"workload.retry_after", "50 us"}};
/// One packet at a time: the machine is at rest again when the next one comes.
inline Settings isolated(const std::string& direction, unsigned packets) {
  return {{"workload.direction", direction},
          {"workload.arrivals", "constant"},
          {"workload.packet_rate", 5000},
          {"workload.measure.warm_up", "1 ms"},
          {"workload.measure.duration", std::to_string(200 * packets) + " us"}};
}
/// No traffic but what the test sends itself.
inline const Settings silent{{"workload.arrivals", "constant"}, {"workload.packet_rate", 0.001}};

class MachineBench : public Machine {
 public:
  enum class Power : std::uint8_t { booted, off };
  /// @param power  off: the test makes modules of its own before it calls boot()
  explicit MachineBench(const Settings& settings, const std::string& platform = current, std::uint64_t seed = 1,
                        Power power = Power::booted)
      : Machine(effective(settings, platform), seed) {
    if (power == Power::booted) boot();
  }

  /// Warm-up, window with audits, drain, audit at rest.
  const nlohmann::ordered_json& measure() {
    result = platform::run(*this, {});
    CHECK(timeline.idle());
    return result.summary;
  }
  void run(const Time& time) {
    timeline.run(timeline.now() + time);
    processors->settle();
    audit(timeline.idle() ? Invariant::at_rest : Invariant::always, timeline.now());
  }
  std::uint64_t exits(host::ExitCause cause) const {
    std::uint64_t sum = 0;
    for (std::size_t c = 0; c < processors->size(); ++c) sum += processors->core(c).exits(cause);
    return sum;
  }
  Time spent(host::Context context) const {
    Time sum;
    for (std::size_t c = 0; c < processors->size(); ++c) sum += processors->core(c).spent(context);
    return sum;
  }
  /// A counter of the tree, by its full name.
  std::uint64_t counter(const std::string& path) const {
    const CountStat* found = nullptr;
    for_each<CountStat>([&](CountStat& c) { found = path == c.name() ? &c : found; });
    INFO("counter " << path);
    REQUIRE(found != nullptr);
    return found->value();
  }
  /// Where a function's BAR lies, as its configuration space has it.
  Hpa bar(unsigned function, unsigned which = 0) const {
    const auto& functions = nic->functions();
    const auto& pf = functions.pf(functions.pf_of(function));
    return Hpa(functions.physical(function) ? pf.bar_address(which) : pf.vf_bar_address(functions.vf_of(function), which));
  }
  void write_register(unsigned function, std::uint32_t offset, std::uint64_t value, unsigned bytes, unsigned which = 0) {
    root_complex->write(bar(function, which) + offset, value, bytes, {});
    run(1_us);  // it is posted: until it has arrived
  }
  std::uint64_t read_register(unsigned function, std::uint32_t offset, unsigned bytes, unsigned which = 0) {
    root_complex->read(bar(function, which) + offset, bytes, bind<&MachineBench::answered>(this));
    run(10_us);
    return answer_;
  }
  void write_msix(unsigned function, std::uint32_t offset, std::uint64_t value) {
    write_register(function, offset, value, 8, config::msix_bar);
  }
  /// The context entry of a function, where the tables of the IOMMU have it (VT-d 9.1, 9.3).
  Hpa context_entry(unsigned function) {
    const RequesterId id = nic->requester(function);
    const Hpa root(iommu->read_register(vtd::reg_root_table, 8) & vtd::page_mask);
    return Hpa(cpu_memory->peek<std::uint64_t>(root + id.bus() * 16u) & vtd::page_mask) + id.devfn() * 16u;
  }
  /// The 4 KiB leaf entry of an address, from a walk by hand (VT-d 9.8).
  Hpa leaf_entry(unsigned function, Iova address) {
    const auto context = cpu_memory->peek<vtd::Pair>(context_entry(function));
    std::uint64_t table = context.lo & vtd::page_mask;
    for (unsigned level = static_cast<unsigned>(context.hi & 7) + 2; level > 1; --level)
      table = cpu_memory->peek<std::uint64_t>(Hpa(table + (address.value >> (12 + 9 * (level - 1)) & 0x1ff) * 8)) & vtd::page_mask;
    return Hpa(table + (address.value >> 12 & 0x1ff) * 8);
  }
  /// A frame that no ledger knows arrives from the wire.
  void frame_arrives(MacAddress to, std::uint32_t bytes = 60) {
    Frame frame;
    frame.header.destination = to;
    frame.header.source = MacAddress{0x02'11'22'33'44'55ull};
    frame.bytes = bytes;
    nic->frame(std::move(frame));
  }
  static MacAddress mac(unsigned vm) { return MacAddress{0x02'00'00'00'00'01ull + vm}; }

  std::uint64_t dropped(DropReason reason) const {
    return workload->ledger().ways.sum(workload::PacketLedger::first_drop + static_cast<std::size_t>(reason));
  }

  PointResult result;

 private:
  void answered(std::uint64_t value) { answer_ = value; }
  std::uint64_t answer_ = 0;
};

/// Every cause of exit with its count in the window, zeroes left out: "mmio_read 10, eoi 10".
inline std::string exits_of(const MachineBench& m) {
  std::string text;
  for (std::size_t c = 0; c < host::exit_causes; ++c)
    if (const auto n = m.exits(static_cast<host::ExitCause>(c)))
      text += (text.empty() ? "" : ", ") + std::string(host::exit_cause_names[c]) + " " + std::to_string(n);
  return text;
}

}  // namespace iov::platform
