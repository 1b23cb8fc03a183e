// SPDX-License-Identifier: Apache-2.0
/// Stations -- who is who in a capture: reads addresses from the first bytes of a packet and gives each
/// address a side (VM or peer) and, on the VM side, a number. Rules in pcap_trace.h.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>

namespace iov::workload {

struct StationAddress {
  enum class Kind : std::uint8_t { mac, ip, ip_port };
  Kind kind = Kind::mac;
  std::array<std::uint8_t, 16> bytes{};
  std::uint16_t port = 0;
  bool group = false;  ///< broadcast or multicast: nobody in particular
  friend auto operator<=>(const StationAddress&, const StationAddress&) = default;
};

struct AddressPair {
  StationAddress source, destination;
};

/// How a link type lies before the network header.
struct LinkLayer {
  std::uint32_t header = 0;       ///< bytes before the network header
  bool ethernet = false;          ///< has MAC addresses
  std::uint32_t protocol_at = 0;  ///< where an EtherType stands; 0: look at the IP version
};

/// Addresses of a packet from its captured bytes; nothing when it has none that tell its ends apart.
std::optional<AddressPair> addresses_of(std::span<const std::uint8_t> packet, const LinkLayer& link);

class Stations {
 public:
  struct Place {
    unsigned station = 0;
    bool from_vm = false;
  };
  /// @returns nothing for a packet between two stations of the peer
  std::optional<Place> place(const AddressPair& pair);
  unsigned vms() const { return vms_; }

 private:
  struct Role {
    bool vm = false;
    unsigned number = 0;
  };
  const Role* find(const StationAddress& address) const;
  const Role& learn(const StationAddress& address, bool vm);
  std::map<StationAddress, Role> roles_;
  unsigned vms_ = 0;
};

}  // namespace iov::workload
