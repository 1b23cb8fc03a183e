// SPDX-License-Identifier: Apache-2.0
#include "models/workload/stations.h"

#include <algorithm>

namespace iov::workload {

namespace {
constexpr std::uint16_t ethertype_vlan = 0x8100, ethertype_ipv4 = 0x0800, ethertype_ipv6 = 0x86dd;  // IANA
constexpr std::uint8_t protocol_tcp = 6, protocol_udp = 17;

std::uint16_t word(std::span<const std::uint8_t> p, std::size_t at) {
  return at + 2 <= p.size() ? static_cast<std::uint16_t>(p[at] << 8 | p[at + 1]) : std::uint16_t{0};
}

std::optional<AddressPair> macs_of(std::span<const std::uint8_t> p) {
  if (p.size() < 12) return std::nullopt;
  AddressPair pair;
  std::copy_n(p.begin(), 6, pair.destination.bytes.begin());
  std::copy_n(p.begin() + 6, 6, pair.source.bytes.begin());
  pair.destination.group = p[0] & 1;
  const std::array<std::uint8_t, 16> none{};
  if (pair.source.bytes == none || pair.source.bytes == pair.destination.bytes) return std::nullopt;
  return pair;
}

/// @param ip  from the IP header on
std::optional<AddressPair> ips_of(std::span<const std::uint8_t> ip) {
  if (ip.empty()) return std::nullopt;
  const bool v4 = ip[0] >> 4 == 4;
  if (!v4 && ip[0] >> 4 != 6) return std::nullopt;
  const std::size_t header = v4 ? (ip[0] & 15u) * 4u : 40u, first = v4 ? 12 : 8, length = v4 ? 4 : 16;
  if (header < 20 || ip.size() < header) return std::nullopt;
  AddressPair pair;
  pair.source.kind = pair.destination.kind = StationAddress::Kind::ip;
  std::copy_n(ip.begin() + static_cast<std::ptrdiff_t>(first), length, pair.source.bytes.begin());
  std::copy_n(ip.begin() + static_cast<std::ptrdiff_t>(first + length), length,
              pair.destination.bytes.begin());
  const std::uint8_t lead = pair.destination.bytes[0];
  pair.destination.group = v4 ? lead >= 224 : lead == 0xff;
  if (pair.source.bytes != pair.destination.bytes) return pair;
  const std::uint8_t protocol = ip[v4 ? 9 : 6];
  if ((protocol != protocol_tcp && protocol != protocol_udp) || ip.size() < header + 4) return std::nullopt;
  pair.source.kind = pair.destination.kind = StationAddress::Kind::ip_port;
  pair.source.port = word(ip, header);
  pair.destination.port = word(ip, header + 2);
  return pair;
}
}  // namespace

std::optional<AddressPair> addresses_of(std::span<const std::uint8_t> packet, const LinkLayer& link) {
  if (link.ethernet)
    if (const auto macs = macs_of(packet)) return macs;
  std::size_t header = link.header;
  if (link.protocol_at) {
    std::uint16_t type = word(packet, link.protocol_at);
    if (type == ethertype_vlan && link.ethernet) header += 4, type = word(packet, link.protocol_at + 4);
    if (type != ethertype_ipv4 && type != ethertype_ipv6) return std::nullopt;
  }
  return packet.size() > header ? ips_of(packet.subspan(header)) : std::nullopt;
}

const Stations::Role* Stations::find(const StationAddress& address) const {
  const auto at = roles_.find(address);
  return at == roles_.end() ? nullptr : &at->second;
}

const Stations::Role& Stations::learn(const StationAddress& address, bool vm) {
  return roles_.emplace(address, Role{vm, vm ? vms_++ : 0}).first->second;
}

std::optional<Stations::Place> Stations::place(const AddressPair& pair) {
  const Role* from = find(pair.source);
  const Role* to = pair.destination.group ? nullptr : find(pair.destination);
  if (!from) from = &learn(pair.source, to && !to->vm);
  if (pair.destination.group) return from->vm ? Place{from->number, true} : Place{0, false};
  if (!to) to = &learn(pair.destination, !from->vm);
  if (from->vm) return Place{from->number, true};
  if (to->vm) return Place{to->number, false};
  return std::nullopt;
}

}  // namespace iov::workload
