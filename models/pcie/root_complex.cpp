// SPDX-License-Identifier: Apache-2.0
#include "models/pcie/root_complex.h"

namespace iov::pcie {

RootComplex::RootComplex(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params)
    : sc_module(name),
      memory("memory", timeline),
      outbound("outbound", timeline, params, routes_, bind<&RootComplex::access_root_port>(this)),
      inbound("inbound", timeline, params, routes_, memory, outbound),
      timeline_(timeline) {
  inbound.on_error(bind<&RootComplex::log_error>(this));
  inbound.on_error_message(bind<&RootComplex::log_message>(this));
  outbound.on_error(bind<&RootComplex::log_error>(this));
}

unsigned RootComplex::add_root_port(Port& link) {
  const unsigned port = root_ports();
  if (port == 31) throw SimError(timeline_.now(), name(), "bus 0 has place for 31 root ports");
  const Bridge& bridge = bridges_.emplace_back(pcie::root_port(link.limits(), port + 1),
                                               RequesterId{static_cast<std::uint16_t>((port + 1) << 3)});
  inbound.add_port(link);
  outbound.add_port(link, bridge);
  return port;
}

void RootComplex::write_root_port(unsigned port, unsigned offset, unsigned bytes, std::uint32_t value) {
  Bridge& bridge = bridges_.at(port);
  const bool pending = bridge.slot_event();
  const config::Effects effects = bridge.write(offset, bytes, value);
  if (!pending && bridge.slot_event()) interrupt(bridge);
  if (Bridge::reroutes(effects) || effects.has(config::Effect::acs)) {
    const unsigned acs = bridge.config().layout().extended(PCI_EXT_CAP_ID_ACS);
    inbound.set_acs(port, {static_cast<std::uint16_t>(bridge.read(acs + PCI_ACS_CTRL, 2)), 0}, bridge.secondary(),
                    bridge.subordinate());
  }
  if (effects.has(config::Effect::secondary_bus_reset) && on_bus_reset_ && bridge.bus_reset()) on_bus_reset_(port);
  if (!Bridge::reroutes(effects)) return;
  routes_.clear();
  for (unsigned p = 0; p < root_ports(); ++p) routes_.add(bridges_[p], p);
}

/// In the root port's registers; its own message, if it may send one, is in the root port at once.
void RootComplex::log_error(unsigned port, config::PcieError error, const Tlp* tlp) {
  config::ConfigSpace& space = bridges_.at(port).config();
  const MessageCode message = config::log_error(space, space, error, tlp);
  if (message != MessageCode::none) report(port, message, bridges_[port].id());
}

void RootComplex::log_message(unsigned port, const Tlp& message) { report(port, message.message, message.requester); }

/// An interrupt per message that Root Error Command asks one for, by the root port's MSI (6.2.4.1.2).
void RootComplex::report(unsigned port, MessageCode message, RequesterId source) {
  Bridge& bridge = bridges_.at(port);
  if (config::log_error_message(bridge.config(), message, source)) interrupt(bridge);
}

void RootComplex::interrupt(const Bridge& port) {
  if (const auto message = port.message()) inbound.interrupt(*message);
}

void RootComplex::link_changed(unsigned port, bool up, bool present) {
  outbound.set_link(port, up);
  if (bridges_.at(port).link_changed(up, present)) interrupt(bridges_[port]);
}

/// Nobody else is on bus 0.
std::uint64_t RootComplex::access_root_port(const RootPortAccess& access) {
  for (unsigned p = 0; p < root_ports(); ++p) {
    if (bridges_[p].id() != access.function) continue;
    if (!access.write) return bridges_[p].read(access.offset, access.bytes);
    write_root_port(p, access.offset, access.bytes, access.value);
    return 0;
  }
  return ~std::uint64_t{0};
}

void RootComplex::send_invalidate(RequesterId function, std::uint8_t itag, Pasid pasid, std::uint64_t body) {
  Tlp tlp;
  tlp.type = TlpType::message_data;
  tlp.message = MessageCode::invalidate_request;
  tlp.completer = function;
  tlp.tag = itag;
  tlp.pasid = pasid;
  tlp.address = body;
  tlp.length = 8;
  outbound.message(std::move(tlp));
}

// PCIe Base 5.0 10.4.2.2: response code 15:12, page request group index 8:0.
void RootComplex::send_page_response(RequesterId function, Pasid pasid, std::uint16_t group, std::uint8_t code) {
  Tlp tlp;
  tlp.type = TlpType::message;
  tlp.message = MessageCode::page_group_response;
  tlp.completer = function;
  tlp.pasid = pasid;
  tlp.address = static_cast<std::uint64_t>(code & 0xf) << 12 | (group & 0x1ff);
  outbound.message(std::move(tlp));
}

}  // namespace iov::pcie
