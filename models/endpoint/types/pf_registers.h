// SPDX-License-Identifier: Apache-2.0
/// PfRegisters -- the registers of a PF by which its driver governs the device: switch, filters, flow rules, flow
/// control, the window of one VF, the event queue. Turns writes into calls of the parts that act.
///
/// Spec    models/protocol/nic_policy.h.
#pragma once
#include "models/endpoint/types/flow_control.h"
#include "models/endpoint/types/mailbox.h"
#include "models/endpoint/types/pf_events.h"
#include "models/endpoint/types/receiver.h"
#include "models/endpoint/types/transmitter.h"

namespace iov::endpoint {

class PfActions {  ///< what the registers change outside the parts below: implemented by the Nic
 public:
  /// The function number of this PF's VF n (1..), if it is enabled.
  virtual std::optional<unsigned> function_of(unsigned pf, unsigned vf) = 0;
  virtual Mailbox& mailbox(unsigned function) = 0;
  virtual void interrupt_mailbox(unsigned function) = 0;
  virtual void limit_interrupts(unsigned function, const Time& least_interval) = 0;
  virtual void set_control(unsigned function, std::uint32_t control) = 0;
  /// Of all VFs of the PF, enabled or not, about which nothing has been decided.
  virtual void set_vf_default(unsigned pf, std::uint32_t control) = 0;
  virtual void assign_pool(unsigned pf, unsigned pool, unsigned first_queue, unsigned queues) = 0;
  virtual void set_link(bool up) = 0;
  virtual void announce_events(unsigned pf) = 0;  ///< by interrupt, if there are any

 protected:
  ~PfActions() = default;
};

class PfRegisters {
 public:
  struct Parts {
    PfActions& actions;
    EmbeddedSwitch& fabric;
    Receiver& receiver;
    Transmitter& transmitter;
    FlowControl& flow_control;
    std::vector<FunctionPolicy>& policies;
  };
  PfRegisters(unsigned pf, const Parts& parts) : pf_(pf), p_(parts) {}

  void write(std::uint32_t offset, std::uint64_t value, unsigned bytes);
  std::uint64_t read(std::uint32_t offset, unsigned bytes);
  void reset();  ///< as after power-on: its own ones; what they set elsewhere is the owners' to reset
  PfEvents events;
  std::uint32_t event_vector() const { return event_vector_; }
  static constexpr std::uint32_t event_enable = 1u << 31;
  std::uint32_t new_vf_control() const { return vf_default_; }

 private:
  void write_device(std::uint32_t offset, std::uint32_t value);
  std::uint32_t read_device(std::uint32_t offset);
  void write_switch(std::uint32_t value);
  void write_vf(unsigned function, std::uint32_t offset, std::uint32_t value);
  std::uint32_t read_vf(unsigned function, std::uint32_t offset);
  void command_filter(std::uint32_t command);
  void write_key(std::uint32_t offset, std::uint32_t value);
  std::uint32_t read_key(std::uint32_t offset) const;

  std::optional<unsigned> selected() const { return p_.actions.function_of(pf_, vf_select_); }

  const unsigned pf_;
  const Parts p_;
  std::uint32_t event_vector_ = 0, vf_select_ = 0, vf_default_ = nic::vf_reset_value, flow_select_ = 0;
  std::uint64_t filter_mac_ = 0, pool_ = 0;
  std::uint32_t filter_vlan_ = nic::filter_any_vlan, filter_target_ = 0;
  bool filter_done_ = false, link_ = true;
};

}  // namespace iov::endpoint
