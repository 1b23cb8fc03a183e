// SPDX-License-Identifier: Apache-2.0
#include "models/pcie/root_complex.h"

namespace iov::pcie {

RootComplex::RootComplex(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params)
    : sc_module(name),
      memory("memory", timeline),
      outbound("outbound", timeline, params, routes_),
      inbound("inbound", timeline, params, routes_, memory, outbound),
      timeline_(timeline) {}

unsigned RootComplex::add_root_port(TlpPort& link) {
  inbound.add_port(link);
  outbound.add_port(link);
  return ports_++;
}

void RootComplex::map_bar(Hpa base, std::uint64_t bytes, unsigned port) {
  if (bytes == 0 || routes_.overlaps(base, bytes))
    throw SimError(timeline_.now(), name(), "a BAR range is empty or overlaps another");
  routes_.map_bar(base, bytes, port);
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
