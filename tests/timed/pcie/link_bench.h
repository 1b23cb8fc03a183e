// SPDX-License-Identifier: Apache-2.0
/// Two ports and a link between them, with a receiver that logs what arrives and gives credits back
/// when told to. For tests.
#pragma once
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "models/pcie/port.h"

namespace iov::pcie {

inline Tlp memory_write(std::uint32_t bytes, std::uint16_t tag = 0, std::uint64_t address = 0x1'0000'0000) {
  Tlp tlp;
  tlp.type = TlpType::memory_write;
  tlp.length = bytes;
  tlp.tag = tag;
  tlp.address = address;
  return tlp;
}
inline Tlp memory_read(std::uint32_t bytes, std::uint16_t tag = 0, std::uint64_t address = 0x1'0000'0000) {
  Tlp tlp = memory_write(bytes, tag, address);
  tlp.type = TlpType::memory_read;
  return tlp;
}
inline Tlp completion(std::uint32_t bytes, std::uint16_t tag = 0) {
  Tlp tlp = memory_write(bytes, tag, 0);
  tlp.type = TlpType::completion_data;
  return tlp;
}

struct Receiver {
  Port& port;
  Timeline& timeline;
  bool releases = true;  ///< at once
  struct Got {
    FcClass fc;
    std::uint16_t tag;
    Time when;
    std::uint32_t payload;
  };
  std::vector<Got> got;
  Receiver(Port& p, Timeline& t) : port(p), timeline(t) { p.on_arrival(bind<&Receiver::arrived>(this)); }
  void arrived() {
    for (Tlp tlp; port.take(tlp);) {
      got.push_back({tlp.fc(), tlp.tag, timeline.now(), tlp.payload()});
      if (releases) port.release(tlp.fc(), tlp.payload());
    }
  }
  std::string order() const {  ///< "P1 N2 C3": classes and tags as they arrived
    std::string text;
    for (const Got& g : got)
      text += (text.empty() ? "" : " ") + std::string(1, "PNC"[static_cast<int>(g.fc)]) + std::to_string(g.tag);
    return text;
  }
};

struct LinkBench {
  Timeline timeline{"timeline"};
  Port device, root;
  Receiver at_root{root, timeline}, at_device{device, timeline};
  explicit LinkBench(const LinkParams& root_params = {}, const LinkParams& device_params = {})
      : device("device", timeline, device_params), root("root", timeline, root_params) {
    device.connect(root);
  }
};

}  // namespace iov::pcie
