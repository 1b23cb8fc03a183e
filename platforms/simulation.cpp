// SPDX-License-Identifier: Apache-2.0
#include "platforms/simulation.h"

#include "models/core/invariant.h"
#include "models/core/tree.h"
#include "platforms/dma_machine.h"
#include "platforms/machine.h"
#include "platforms/report.h"

namespace iov::platform {

namespace {

constexpr int checkpoints = 8;  ///< audits within the window; each settles the cores' accounts first

void run_phase(Machine& machine, const Time& length, double from, double to, const Progress& progress) {
  const Time begin = machine.timeline.now();
  for (int i = 1; i <= checkpoints; ++i) {
    machine.timeline.run(begin + length * (static_cast<double>(i) / checkpoints));
    machine.processors->settle();
    audit(Invariant::always, machine.timeline.now());
    if (progress) progress(machine.timeline.now(), from + (to - from) * i / checkpoints);
  }
}

void reset_statistics(Machine& machine) {
  for_each<Stat>([](Stat& stat) { stat.reset(); });
  for (std::size_t c = 0; c < machine.processors->size(); ++c) machine.processors->core(c).reset_accounts();
  for (Machine::Vm& vm : machine.vms) vm.path->reset_copies();
}

/// What drivers look for from time to time moves no packet, and would keep the machine from rest.
void stop_services(Machine& machine) {
  for (Machine::Vm& vm : machine.vms) vm.path->stop_service();
}

/// Whatever is under way arrives, unless the limit cuts it short.
void come_to_rest(Machine& machine) {
  const Time limit = machine.timeline.now() + machine.workload->params().measure.drain_limit;
  const Time step = machine.workload->params().measure.drain_limit * (1.0 / 64);
  bool stopped = false;
  stop_services(machine);
  while (!machine.timeline.idle() && machine.timeline.now() < limit && step > sc_core::SC_ZERO_TIME) {
    machine.timeline.run(std::min(limit, machine.timeline.now() + step));
    stop_services(machine);
    if (stopped || machine.workload->ledger().journeys.open() > 0) continue;
    for (Machine::Vm& vm : machine.vms) vm.path->stop();  // every packet has arrived: nobody needs to look for more
    stopped = true;
  }
}

/// What nobody holds any more, because a script's actions took it from whoever did: packets that a device overwrote in its guest's
/// memory; frames that a device had written and whose TLPs a PCIe link took with it. Writes are posted: the device does not know, its
/// driver never hears of them. Each such frame had at least a descriptor in them, which is one unit; how many units held frames nobody
/// knows, so this is a bound, not a count. And frames that a device could not read, for it dropped them without knowing which they were.
void write_off(Machine& machine) {
  const std::uint64_t left = machine.workload->in_flight(), written = machine.tree->lost_posted_data();
  if (machine.script->overwritten())
    machine.workload->write_off(DropReason::malformed);
  else if (machine.timeline.idle() && left <= written + machine.nic->unread_frames())
    machine.workload->write_off(written > 0 ? DropReason::link_down : DropReason::reset);
}

/// A queue whose descriptors the device could not fetch stands still until somebody resets it, and what it could not read is gone.
void check_device(const Machine& machine) {
  const std::uint64_t left = machine.workload->in_flight(), given_up = machine.nic->outstanding().given_up();
  if (left == 0 || given_up == 0 || !machine.timeline.idle()) return;
  audit(Invariant::always, machine.timeline.now());
  throw SimError(machine.timeline.now(), machine.nic->name(),
                 "comes to rest with " + std::to_string(left) + " packets under way: " + std::to_string(given_up) +
                     " of its requests had no completion within dma_engine.completion_timeout; a frame that it could not read is "
                     "lost, a queue whose descriptors it could not read stands still until it is reset");
}

/// Sources off. What a script's actions left in rings that nobody serves any more is lost when the interfaces go down.
void drain(Machine& machine) {
  machine.workload->stop_sources();
  if (machine.script) machine.script->stop();
  come_to_rest(machine);
  if (machine.script && (machine.workload->in_flight() > 0 || !machine.timeline.idle())) {
    machine.shut_down();
    come_to_rest(machine);
    write_off(machine);
  }
  machine.processors->settle();
  check_device(machine);
  audit(machine.timeline.idle() ? Invariant::at_rest : Invariant::always, machine.timeline.now());
}

}  // namespace

PointResult simulate(const nlohmann::json& effective_config, std::uint64_t seed, const Progress& progress) {
  if (!modules_of(effective_config, "dma_bench").empty()) {
    if (effective_config.contains("script"))
      throw BadInput("script: a platform with a DMA microbenchmark has nobody who could carry out actions");
    DmaMachine machine(effective_config, seed);
    return run(machine, progress);
  }
  Machine machine(effective_config, seed);
  return run(machine, progress);
}

void build(const nlohmann::json& effective_config, std::uint64_t seed) {
  if (!modules_of(effective_config, "dma_bench").empty()) return DmaMachine(effective_config, seed).prepare();
  Machine(effective_config, seed).boot();
}

PointResult run(Machine& machine, const Progress& progress) {
  const workload::Measure& measure = machine.workload->params().measure;
  const double total = (measure.warm_up + measure.duration).to_seconds();
  const double warm_share = measure.warm_up.to_seconds() / total;
  machine.start();
  run_phase(machine, measure.warm_up, 0, warm_share, progress);
  reset_statistics(machine);
  machine.workload->begin_window(machine.timeline.now());
  run_phase(machine, measure.duration, warm_share, 1, progress);
  machine.workload->end_window(machine.timeline.now());
  PointResult result = report(machine);
  drain(machine);
  if (machine.script) result.script = machine.script->rows();
  result.events = machine.timeline.events();
  result.simulated_seconds = machine.timeline.now().to_seconds();
  return result;
}

}  // namespace iov::platform
