// SPDX-License-Identifier: Apache-2.0
/// PcapTrace -- a capture as a list of packets between VMs and the rest of the world.
///
/// Spec    libpcap savefile formats (pcap, pcapng as far as libpcap reads them); link types EN10MB,
///         LINUX_SLL, LINUX_SLL2, NULL, LOOP, RAW, IPV4, IPV6.
/// Models  original lengths (not captured ones) as Ethernet frames, times from the first packet on,
///         stations. A station is a MAC address; on captures without (loopback) an IP address; between
///         equal IP addresses an IP address and port. In order of appearance: the destination of the first
///         packet between two unknown stations is a VM (who is spoken to first is the server), its
///         source belongs to the peer; whoever then talks to a VM is the peer's and the other way round.
///         Frames larger than 1514 B (segmentation offload) are cut as an MTU of 1500 B cuts them.
/// Omits   contents; packets between two stations of the peer (counted as `unmapped`).
/// Units   bytes: frame without FCS.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/core/units.h"

namespace iov::workload {

/// The capture cannot be used; names the file and the place.
struct TraceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct TraceRecord {
  Time at;  ///< since the first packet
  std::uint32_t bytes = 60;
  unsigned station = 0;  ///< the VM side of the packet
  bool from_vm = false;
};

class PcapTrace {
 public:
  /// @throws TraceError
  static PcapTrace read(const std::string& file);

  const std::vector<TraceRecord>& records() const { return records_; }
  unsigned stations() const { return stations_; }  ///< on the VM side, at least 1
  std::uint64_t unmapped() const { return unmapped_; }
  /// From one round of the capture to the next: its length and one mean gap.
  Time period() const;
  bool carries(bool from_vm) const;

 private:
  std::vector<TraceRecord> records_;
  unsigned stations_ = 1;
  std::uint64_t unmapped_ = 0;
};

}  // namespace iov::workload
