// SPDX-License-Identifier: Apache-2.0
/// What software pays for its own work, per operation. Cost profiles in configs/costs/ set all of them, each with its
/// source; the defaults here are those of a current server.
#pragma once
#include "models/core/params.h"
#include "models/core/units.h"

namespace iov::software {

struct SoftwareCosts {
  Time application_send = 100_ns, application_receive = 100_ns;
  Time stack_send = 250_ns, stack_receive = 300_ns;
  Time driver_send = 100_ns, driver_receive = 150_ns, driver_reclaim = 25_ns, driver_refill = 30_ns;
  Time driver_interrupt = 150_ns, driver_poll = 100_ns, control_message = 1000_ns;
  Time mmio_write = 50_ns;
  Time virtqueue_front = 30_ns, virtqueue_back = 70_ns, line_move = 50_ns;
  Time tap = 350_ns, bridge = 300_ns, user_packet = 250_ns;
  Time instruction_emulation = 616_ns, register_emulation = 554_ns, model_send = 800_ns, model_receive = 1000_ns, eoi_emulation = 150_ns;
  Time eventfd_signal = 270_ns, thread_wakeup = 500_ns, event_loop = 650_ns, interrupt_injection = 300_ns;
  Time dma_map = 15_ns, dma_unmap = 8_ns, iova_allocate = 31_ns, iova_find = 139_ns, iova_free = 21_ns;
  Time iommu_map = 197_ns, iommu_unmap = 142_ns, flush_queue_add = 103_ns, invalidation_submit = 30_ns;
  Time guest_translation = 150_ns, pool_completion = 250_ns;
  Time copy_fixed = 50_ns;
  Bandwidth copy_cold{6e9}, copy_warm{1.2e10};

  Time lines(unsigned moved) const { return line_move * static_cast<double>(moved); }
  Time copy(std::uint64_t bytes, bool cold) const { return copy_fixed + (cold ? copy_cold : copy_warm).time_for(bytes); }

  template <class V>
  void describe(V& v) {
    describe_native(v);
    describe_mapping(v);
    describe_backends(v);
  }

 private:
  template <class V>
  void cost(V& v, const char* key, Time& value, const char* meaning, const char* source = no_source) {
    v.field(key, value, Range<Time>{{}, 1000_us}, meaning, source);
  }
  template <class V>
  void describe_native(V& v) {
    const char* packet = "share of 1816 cycles per 1500 B packet without IOMMU (rIOMMU, ASPLOS 2015)";
    cost(v, "application_send", application_send, "application makes one packet", packet);
    cost(v, "application_receive", application_receive, "application consumes one packet", packet);
    cost(v, "stack_send", stack_send, "network stack, one packet down", packet);
    cost(v, "stack_receive", stack_receive, "network stack, one packet up", packet);
    cost(v, "driver_send", driver_send, "driver fills one transmit descriptor", packet);
    cost(v, "driver_receive", driver_receive, "driver takes one received packet, or each buffer of a longer one, off its ring", packet);
    cost(v, "driver_reclaim", driver_reclaim, "driver frees one sent descriptor");
    cost(v, "driver_refill", driver_refill, "driver posts one receive buffer");
    cost(v, "driver_interrupt", driver_interrupt, "driver's interrupt handler, register accesses not included");
    cost(v, "driver_poll", driver_poll, "one round of the poll loop, packets not included");
    cost(v, "control_message", control_message, "PF or VF driver decides one mailbox message, event or request, register accesses not included");
    cost(v, "mmio_write", mmio_write, "core issues one uncached posted write");
    v.field("copy_cold", copy_cold, Range<Bandwidth>{{1e8}, {1e12}}, "copying bytes that a device just wrote or that left the cache", no_source);
    v.field("copy_warm", copy_warm, Range<Bandwidth>{{1e8}, {1e12}}, "copying bytes that are in this core's cache", no_source);
    cost(v, "copy_fixed", copy_fixed, "per copy, whatever its size");
  }
  template <class V>
  void describe_mapping(V& v) {
    const char* table = "rIOMMU (ASPLOS 2015) Table 1, strict with constant-time allocator, at 3 GHz";
    cost(v, "dma_map", dma_map, "mapping a buffer for a device: what the parts below do not contain", table);
    cost(v, "dma_unmap", dma_unmap, "unmapping a buffer: what the parts below do not contain", table);
    cost(v, "iova_allocate", iova_allocate, "taking an I/O virtual address", table);
    cost(v, "iova_find", iova_find, "finding the range of an I/O virtual address", table);
    cost(v, "iova_free", iova_free, "giving an I/O virtual address back", table);
    cost(v, "iommu_map", iommu_map, "entering one page into the I/O page table", table);
    cost(v, "iommu_unmap", iommu_unmap, "clearing one page of the I/O page table", table);
    cost(v, "flush_queue_add", flush_queue_add, "queueing an unmapped range for a later invalidation",
         "rIOMMU Table 1: unmap 1240 cycles deferred, less 932 of strict without its invalidation, at 3 GHz");
    cost(v, "invalidation_submit", invalidation_submit, "writing descriptors into the invalidation queue, register write not included");
  }
  template <class V>
  void describe_backends(V& v) {
    cost(v, "virtqueue_front", virtqueue_front, "front end adds or takes one buffer, cache lines not included");
    cost(v, "virtqueue_back", virtqueue_back, "back end takes and returns one buffer, cache lines not included");
    cost(v, "line_move", line_move, "a core gets a cache line of a virtqueue that the other end has");
    cost(v, "tap", tap, "tap device, one packet either way, copy not included");
    cost(v, "bridge", bridge, "host bridge and its stack, one packet");
    cost(v, "user_packet", user_packet, "user-space backend's own work on one packet");
    const char* testdev = "QEMU commit 29b39bc712b5, pci-testdev: MMIO exits of 8796 (user space) and 3609 cycles (kernel), PIO 5287 and 1762";
    cost(v, "instruction_emulation", instruction_emulation, "hypervisor walks the guest's page tables and decodes the instruction that "
         "accessed a register in memory", testdev);
    cost(v, "register_emulation", register_emulation, "device model in user space finds and serves one register access", testdev);
    cost(v, "model_send", model_send, "device model sends one packet: descriptor, checks, state");
    cost(v, "model_receive", model_receive, "device model receives one packet: filter, descriptor, checks, state");
    cost(v, "eoi_emulation", eoi_emulation, "in-kernel interrupt controller emulates an end of interrupt");
    cost(v, "eventfd_signal", eventfd_signal, "hypervisor turns a kick into a signal", "560 cycles at 2.1 GHz, I/O latency out (Dall 2016 Table II)");
    cost(v, "thread_wakeup", thread_wakeup, "waker's work to make a sleeping thread run");
    cost(v, "event_loop", event_loop, "I/O thread of an emulator looks for descriptors that are ready and timers that are due, system call not included");
    cost(v, "interrupt_injection", interrupt_injection, "hypervisor makes one virtual interrupt pending");
    cost(v, "guest_translation", guest_translation, "hypervisor translates and pins one guest buffer");
    cost(v, "pool_completion", pool_completion, "hypervisor handles one completion of a queue pool");
  }
};

}  // namespace iov::software
