// SPDX-License-Identifier: Apache-2.0
// Actions of and on the PCIe functions that VMs have.
#include "models/software/register_flood.h"
#include "platforms/machine.h"
#include "platforms/script_targets.h"

namespace iov::platform {

namespace {

struct DmaArgs : FunctionTarget {
  std::uint64_t address = 0;
  unsigned bytes = 64, count = 1;
  bool write = true;
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.field("address", address, Range<std::uint64_t>{0, (std::uint64_t{1} << 52) - 1}, "as the device uses it", no_source);
    v.field("bytes", bytes, Range<unsigned>{1, 4096, "B"}, "of each access", no_source);
    v.field("count", count, Range<unsigned>{1, 100'000}, "accesses, one after the other at consecutive addresses", no_source);
    v.flag("write", write, "writes; else reads", no_source);
  }
  void check(const Machine& machine) const { function(machine); }
};

void rogue_dma(const DmaArgs& args, Machine& machine, Outcome outcome) {
  if (!args.exists(machine, outcome)) return;
  const bool own = args.address < machine.vms[args.index(machine)].params.memory.count;
  if (args.write && own) machine.script->memory_overwritten();  // perhaps its own rings and buffers
  for (unsigned i = 0; i < args.count; ++i)
    machine.nic->rogue_access(args.function(machine), args.address + std::uint64_t{i} * args.bytes, args.bytes, args.write);
  outcome("done");
}

struct MessageArgs : FunctionTarget {
  std::uint64_t address = 0xfee00000;
  unsigned data = 0x30, count = 1;
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.field("address", address, Range<std::uint64_t>{0xfee00000, 0xfeefffff}, "of the message: which processor, or which entry",
            "Intel SDM vol. 3 10.11.1; VT-d 4.1 5.1.2");
    v.field("data", data, Range<unsigned>{0, 0xffff}, "of the message: which vector", "Intel SDM vol. 3 10.11.2");
    v.field("count", count, Range<unsigned>{1, 100'000}, "messages, one after the other", no_source);
  }
  void check(const Machine& machine) const { function(machine); }
};

void rogue_msi(const MessageArgs& args, Machine& machine, Outcome outcome) {
  if (!args.exists(machine, outcome)) return;
  for (unsigned i = 0; i < args.count; ++i) machine.nic->rogue_message(args.function(machine), args.address, args.data);
  outcome("done");
}

struct FloodArgs : RegisterTarget {
  double rate = 0;
  Time duration = 1000_us;
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.field("rate", rate, Range<double>{0, 1e9, "1/s"}, "writes per second; 0: as fast as the vCPU can", no_source);
    v.field("duration", duration, Range<Time>{1_us, Time(100, sc_core::SC_SEC)}, "how long", no_source);
  }
  void check(const Machine& machine) const { require(machine); }
};

/// Of a queue that the driver does not use, so that the flood costs what doorbells cost and says nothing else.
void doorbell_flood(const FloodArgs& args, Machine& machine, Outcome outcome) {
  const io_path::GuestDevice device = machine.vms[args.index(machine)].path->guest_device();
  software::RegisterFlood::Plan plan;
  plan.offset = nic::tx_register(device.unused_queue, nic::queue_tail);
  plan.interval = args.rate > 0 ? Time(1 / args.rate, sc_core::SC_SEC) : Time();
  plan.until = machine.timeline.now() + args.duration;
  const auto over = [outcome](std::uint64_t writes) { outcome("done: " + std::to_string(writes) + " writes"); };
  machine.script->keep(std::make_unique<software::RegisterFlood>(*device.vcpu, *device.registers, plan, over));
}

}  // namespace

std::vector<ScriptAction> function_actions() {
  return {make_action<DmaArgs>("rogue_dma", "the function accesses memory on its own: an address that nobody mapped for it",
                               "device", rogue_dma),
          make_action<MessageArgs>("rogue_msi", "the function sends interrupt messages that it was not given", "device", rogue_msi),
          make_action<FloodArgs>("doorbell_flood", "a process of the guest writes a doorbell again and again", "guest",
                                 doorbell_flood)};
}

}  // namespace iov::platform
