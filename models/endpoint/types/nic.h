// SPDX-License-Identifier: Apache-2.0
/// Nic -- an SR-IOV Ethernet controller: functions with queues, an embedded switch, a mailbox per VF, one wire.
///
/// Spec    models/protocol/nic.h, nic_policy.h; Intel 82599 datasheet 7 (in-line functions); SR-IOV: PCIe Base 5.0 ch. 9.
/// Models  see SPEC.md.
/// Omits   statistics registers.
/// Units   bytes
#pragma once
#include "models/endpoint/endpoint.h"
#include "models/endpoint/types/pf_registers.h"

namespace iov::endpoint {

struct NicParams : Endpoint::Params {
  unsigned pf_queues = 64;
  unsigned vf_queues = 2;
  unsigned pf_vectors = 64;
  unsigned vf_vectors = 3;
  Bandwidth wire_rate{1.25e9};
  bool carry_payload = false;
  SwitchParams embedded_switch;
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
    v.field("vf_vectors", vf_vectors, Range<unsigned>{2, Msix::max_vectors}, "MSI-X vectors of each VF, one of them for its mailbox",
            "Intel 82599 datasheet 7.3.1: 3");
    v.field("wire_rate", wire_rate, Range<Bandwidth>{{1e6}, {1e12}}, "Ethernet rate", "IEEE 802.3ae: 10 Gb/s");
    v.flag("carry_payload", carry_payload, "move all bytes of a frame (4 KiB at most), not only its header",
           no_source);
    v.group("embedded_switch", embedded_switch, "switch between wire and functions");
    v.group("transmitter", transmitter, "transmit side");
    v.group("receiver", receiver, "receive side");
  }
};

class Nic : public Endpoint, InterruptLines, PfActions, public FrameSink {
 public:
  using Params = NicParams;
  Nic(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
      PacketBook& packets);

  /// A frame whose last bit arrived now.
  void frame(Frame&& frame) override;
  void set_wire(FrameSink* sink, const Time& propagation) { wire_.connect(sink, propagation); }
  /// The cable: plugged or not. Link is up when it is and the PF wants it.
  void plug(bool plugged);
  bool link_up() const { return wire_.up(); }

  /// Of a frame to this function that will arrive.
  void add_to(WorkingSet& set, unsigned function) const;
  struct Requests {  ///< what the host will be asked for then
    std::array<std::uint64_t, 2> addresses{};  ///< of descriptor and buffer
    InterruptMessage message;
  };
  std::optional<Requests> requests(unsigned function) const;  ///< none: it does not listen
  void prefetch(unsigned function) const { receiver_.prefetch(function); }
  L2Sorter& sorter() { return switch_.sorter(); }
  FunctionTable& table() { return table_; }
  std::uint64_t unread_frames() const { return transmitter_.unread(); }
  const FunctionPolicy& policy(unsigned function) const { return policies_[function]; }

 private:
  void write_register(unsigned function, std::uint32_t offset, std::uint64_t value, unsigned bytes,
                      JourneyRef journey) override;
  std::uint64_t read_register(unsigned function, std::uint32_t offset, unsigned bytes) override;
  void function_enabled(unsigned function) override;
  void function_disabled(unsigned function) override;
  void requester_changed(unsigned function) override;
  void pf_reset(unsigned pf, bool whole_device) override;
  void join(unsigned function, unsigned vector, JourneyRef journey) override;
  void raise(unsigned function, unsigned vector) override;
  void event(unsigned function, nic::PfEvent kind) override;
  void send_message(unsigned function, std::uint64_t address, std::uint32_t data, JourneyRef journey) override;
  std::optional<unsigned> function_of(unsigned pf, unsigned vf) override;
  Mailbox& mailbox(unsigned function) override { return mailboxes_[function].mailbox; }
  void interrupt_mailbox(unsigned function) override { raise(function, mailboxes_[function].vector); }
  void limit_interrupts(unsigned function, const Time& least_interval) override;
  void set_control(unsigned function, std::uint32_t control) override;
  void set_vf_default(unsigned pf, std::uint32_t control) override;
  void assign_pool(unsigned pf, unsigned pool, unsigned first_queue, unsigned queues) override;
  void set_link(bool up) override;
  void announce_events(unsigned pf) override;

  unsigned queues_of(unsigned function) const { return physical(function) ? params_.pf_queues : params_.vf_queues; }
  unsigned first_vf(unsigned pf) const { return functions().number(pf, 1); }  ///< its VFs follow one another, enabled or not
  unsigned first_queue(unsigned function) const { return first_queue_[function]; }
  std::string name_of(unsigned function);
  void write_interrupt_register(Msix& msix, std::uint32_t offset, std::uint64_t value);
  std::uint64_t read_interrupt_register(Msix& msix, std::uint32_t offset);
  void write_control_register(unsigned function, std::uint32_t offset, std::uint64_t value, unsigned bytes);
  std::uint64_t read_control_register(unsigned function, std::uint32_t offset, unsigned bytes);
  void write_mailbox(unsigned function, std::uint32_t offset, std::uint32_t value);
  std::uint64_t read_mailbox(unsigned function, std::uint32_t offset);
  void update_link();
  void close(unsigned function);
  void reset_function(unsigned function);
  void reset_device(unsigned pf);
  void reset_port();
  void reset_queues(unsigned function);

  struct VfChannel {
    Mailbox mailbox;
    std::uint8_t vector = 0;
  };
  const Params params_;
  FunctionTable table_{"functions", bind<&Nic::name_of>(this)};
  std::vector<unsigned> first_queue_;  ///< by function
  unsigned queues_ = 0;                ///< pairs made
  std::vector<FunctionPolicy> policies_;  ///< by function
  std::vector<VfChannel> mailboxes_;      ///< by function; the PF's is not used
  bool plugged_ = true, link_wanted_ = true;
  EthernetWire wire_;
  NicServices services_;
  EmbeddedSwitch switch_;
  FlowControl flow_control_;
  Receiver receiver_;
  Transmitter transmitter_;
  std::vector<PfRegisters> pfs_;
};

}  // namespace iov::endpoint
