// SPDX-License-Identifier: Apache-2.0
/// Nic -- an SR-IOV Ethernet controller: functions with queues, an L2 sorter, one wire.
///
/// Spec    models/protocol/nic.h; Intel 82599 datasheet 7 (in-line functions); SR-IOV: PCIe Base 5.0 ch. 9.
/// Models  see SPEC.md.
/// Omits   mailbox, statistics registers, rate limits, anti-spoof.
/// Units   bytes
#pragma once
#include "models/endpoint/endpoint.h"
#include "models/endpoint/types/receiver.h"
#include "models/endpoint/types/transmitter.h"
#include "models/protocol/nic.h"

namespace iov::endpoint {

struct NicParams : Endpoint::Params {
  unsigned pf_queues = 64;
  unsigned vf_queues = 2;
  unsigned pf_vectors = 64;
  unsigned vf_vectors = 3;
  unsigned filters = 128;
  Bandwidth wire_rate{1.25e9};
  bool carry_payload = false;
  TransmitParams transmitter;
  ReceiveParams receiver;

  template <class V>
  void describe(V& v) {
    constexpr unsigned queues = (nic::reg_rx_queues - nic::reg_tx_queues) / nic::queue_stride;  // one BAR holds
    Endpoint::Params::describe(v);
    v.field("pf_queues", pf_queues, Range<unsigned>{1, queues}, "queue pairs of each PF",
            "Intel 82599 datasheet 1.4: 128 in all, shared by PF and VFs");
    v.field("vf_queues", vf_queues, Range<unsigned>{1, queues}, "queue pairs of each VF",
            "Intel 82599 datasheet 7.10.2.5: 2 with 64 pools");
    v.field("pf_vectors", pf_vectors, Range<unsigned>{1, Msix::max_vectors}, "MSI-X vectors of each PF",
            "Intel 82599 datasheet 7.3.1: 64");
    v.field("vf_vectors", vf_vectors, Range<unsigned>{1, Msix::max_vectors}, "MSI-X vectors of each VF",
            "Intel 82599 datasheet 7.3.1: 3");
    v.field("filters", filters, Range<unsigned>{1, 65536}, "MAC/VLAN filters",
            "Intel 82599 datasheet 7.1.1.1: 128 receive addresses");
    v.field("wire_rate", wire_rate, Range<Bandwidth>{{1e6}, {1e12}}, "Ethernet rate", "IEEE 802.3ae: 10 Gb/s");
    v.flag("carry_payload", carry_payload, "move all bytes of a frame (4 KiB at most), not only its header",
           no_source);
    v.group("transmitter", transmitter, "transmit side");
    v.group("receiver", receiver, "receive side");
  }
};

class Nic : public Endpoint, InterruptLines, public FrameSink {
 public:
  using Params = NicParams;
  Nic(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
      PacketBook& packets);

  /// A frame whose last bit arrived now.
  void receive_from_wire(Frame&& frame) { receiver_.arrive(std::move(frame)); }
  void frame(Frame&& frame) override { receive_from_wire(std::move(frame)); }
  void set_wire(FrameSink* sink, const Time& propagation) { wire_.connect(sink, propagation); }

  bool add_filter(MacAddress mac, std::optional<std::uint16_t> vlan, Destination to) {
    return sorter_.add_filter(mac, vlan, to);
  }
  bool remove_filter(MacAddress mac, std::optional<std::uint16_t> vlan) { return sorter_.remove_filter(mac, vlan); }
  void set_default_destination(std::optional<Destination> to) { sorter_.set_default(to); }
  /// Gives queues of the PF to a VMDq pool, which from then on also gets broadcasts.
  void assign_pool(unsigned pool, unsigned first_queue, unsigned queues);
  /// The PF's limit on the interrupts of a function, beside the function's own throttle registers.
  void limit_interrupts(unsigned index, const Time& least_interval) {
    function(index).msix->set_least_interval(least_interval);
  }
  FunctionTable& table() { return table_; }

 private:
  void write_register(unsigned function, std::uint32_t offset, std::uint64_t value, unsigned bytes,
                      JourneyRef journey) override;
  std::uint64_t read_register(unsigned function, std::uint32_t offset, unsigned bytes) override;
  void function_enabled(unsigned function) override;
  void function_disabled(unsigned function) override;
  void requester_changed(unsigned function) override;
  void join(unsigned function, unsigned vector, JourneyRef journey) override;
  void raise(unsigned function, unsigned vector) override;
  void send_message(unsigned function, std::uint64_t address, std::uint32_t data, JourneyRef journey) override;

  unsigned queues_of(unsigned function) const { return physical(function) ? params_.pf_queues : params_.vf_queues; }
  unsigned first_queue(unsigned function) const { return first_queue_[function]; }
  std::string name_of(unsigned function);
  void write_interrupt_register(Msix& msix, std::uint32_t offset, std::uint64_t value);
  std::uint64_t read_interrupt_register(Msix& msix, std::uint32_t offset);
  void reset_function(unsigned function);
  void stop_queues(unsigned function);

  const Params params_;
  L2Sorter sorter_;
  FunctionTable table_{"functions", bind<&Nic::name_of>(this)};
  std::vector<unsigned> first_queue_;  ///< by function
  unsigned queues_ = 0;                ///< pairs made
  EthernetWire wire_;
  NicServices services_;
  Receiver receiver_;
  Transmitter transmitter_;
};

}  // namespace iov::endpoint
