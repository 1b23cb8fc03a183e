// SPDX-License-Identifier: Apache-2.0
/// Configuration spaces of a switch's ports: requests to them, what lies below, errors they log.
#include "models/pcie/switch.h"

namespace iov::pcie {

namespace {
/// pci.ids: Broadcom PEX 9797, a PCIe switch; its ports share one device ID.
config::FunctionDescription switch_port(const LinkLimits& limits, unsigned number, unsigned slot, bool is_upstream) {
  config::FunctionDescription d;
  d.vendor_id = 0x10b5, d.device_id = 0x9797;
  d.class_code = 0x060400;
  d.express.type = is_upstream ? config::PortType::upstream_port : config::PortType::downstream_port;
  d.express.link_speed = limits.generation, d.express.link_width = limits.width;
  d.express.max_payload = limits.max_payload;
  d.express.port_number = static_cast<std::uint8_t>(number);
  if (is_upstream) return d;
  d.express.slot = config::SlotCapability{.number = static_cast<std::uint16_t>(slot)};
  d.msi = true;
  d.acs = config::AcsCapability{.features = PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF | PCI_ACS_EC | PCI_ACS_DT,
                                .egress_ports = 32};
  return d;
}
}  // namespace

Switch::SwitchPort::SwitchPort(Switch& s, Port& l, unsigned n, unsigned w)
    : owner(s),
      link(l),
      number(n),
      weight(w),
      bridge(switch_port(l.limits(), n, s.first_slot_ + n - 1, n == upstream), RequesterId{static_cast<std::uint16_t>(n == upstream ? 0 : (n - 1) << 3)}),
      serve_event(s.timeline_, bind<&SwitchPort::serve>(this)) {}

void Switch::write_port(unsigned number, unsigned offset, unsigned bytes, std::uint32_t value) {
  SwitchPort& port = ports_.at(number);
  const bool pending = port.bridge.slot_event();
  const config::Effects effects = port.bridge.write(offset, bytes, value);
  if (!pending && port.bridge.slot_event()) interrupt(port);
  const config::ConfigSpace& space = port.bridge.config();
  if (const unsigned acs = space.layout().extended(PCI_EXT_CAP_ID_ACS)) {
    port.acs.services = static_cast<std::uint16_t>(space.read(acs + PCI_ACS_CTRL, 2));
    port.acs.egress_vector = space.dword(acs + PCI_ACS_EGRESS_CTL_V);
  }
  if (Bridge::reroutes(effects)) {
    routes_.clear();
    for (unsigned n = upstream + 1; n < ports_.size(); ++n) {
      routes_.add(ports_[n].bridge, n);
      ports_[n].bridge.set_id(RequesterId{static_cast<std::uint16_t>(ports_[upstream].bridge.secondary() << 8 | (n - 1) << 3)});
    }
  }
  if (!effects.has(config::Effect::secondary_bus_reset) || !port.bridge.bus_reset()) return;
  for (SwitchPort& below : ports_)  // of the upstream port: all that is below
    if (below.number != upstream && (number == upstream || &below == &port)) below.link.hot_reset();
}

/// The port that a configuration request from above is for, if it is one of this switch's.
Switch::SwitchPort* Switch::addressed(const Tlp& tlp) {
  if (tlp.type != TlpType::config_read && tlp.type != TlpType::config_write) return nullptr;
  if (!tlp.type1) return tlp.completer.devfn() == 0 ? &ports_[upstream] : nullptr;
  const std::uint8_t inner = ports_[upstream].bridge.secondary();
  const unsigned number = (tlp.completer.devfn() >> 3) + 1u;
  const bool ours = inner != 0 && tlp.completer.bus() == inner && (tlp.completer.devfn() & 7) == 0;
  return ours && number < ports_.size() ? &ports_[number] : nullptr;
}

/// Below a downstream port: type 1 becomes type 0 on its secondary bus, where only ARI forwarding reaches devices but the
/// first (6.13).
unsigned Switch::route_config(SwitchPort& in, Tlp& tlp) {
  if (in.number != upstream || !tlp.type1) return nowhere;  // configuration requests come from above
  const unsigned target = routes_.port_of(tlp.completer);
  if (target == nowhere) return nowhere;
  const Bridge& bridge = ports_[target].bridge;
  if (tlp.completer.bus() != bridge.secondary()) return target;
  if (tlp.completer.devfn() > 7 && !bridge.ari_forwarding()) return nowhere;
  tlp.type1 = false;
  return target;
}

void Switch::config_request(SwitchPort& in, SwitchPort& port, Tlp& tlp) {
  ++config_requests;
  const auto offset = static_cast<unsigned>(tlp.address);
  discard(in, tlp, true);
  if (tlp.type == TlpType::config_write) {
    if (port.number == upstream) port.bridge.set_id(tlp.completer);  // captured (2.2.6.2)
    std::uint32_t value = 0;
    if (tlp.data) std::memcpy(&value, tlp.data.data(), std::min<std::size_t>(tlp.data.size(), 4));
    write_port(port.number, offset, tlp.length, value);
    return answer(in, tlp, port.bridge.id(), CompletionStatus::success);
  }
  const std::uint32_t value = port.bridge.read(offset, tlp.length);
  Tlp read;
  read.type = TlpType::completion_data;
  read.requester = tlp.requester;
  read.completer = port.bridge.id();
  read.tag = tlp.tag;
  read.length = read.byte_count = tlp.length;
  read.data = pool_.copy({reinterpret_cast<const std::uint8_t*>(&value), tlp.length});
  make(in, in, std::move(read));
}

void Switch::log(SwitchPort& port, config::PcieError error, const Tlp* tlp) {
  config::ConfigSpace& space = port.bridge.config();
  const MessageCode message = config::log_error(space, space, error, tlp);
  if (message == MessageCode::none || !ports_[upstream].link.up()) return;
  ++error_messages;
  Tlp report;
  report.type = TlpType::message;
  report.message = message;
  report.requester = port.bridge.id();
  make(port, ports_[upstream], std::move(report));
}

/// A port is a requester of its own.
void Switch::interrupt(SwitchPort& port) {
  const auto message = port.bridge.message();
  const bool master = (port.bridge.read(PCI_COMMAND, 2) & PCI_COMMAND_MASTER) != 0;
  if (!message || !master || !ports_[upstream].link.up()) return;
  ++slot_interrupts;
  Tlp write;
  write.type = TlpType::memory_write;
  write.requester = message->requester;
  write.address = message->address;
  write.length = 4;
  write.data = pool_.copy({reinterpret_cast<const std::uint8_t*>(&message->data), 4});
  make(port, ports_[upstream], std::move(write));
}

}  // namespace iov::pcie
