// SPDX-License-Identifier: Apache-2.0
/// What enumeration would have written to a root port: bus numbers, a prefetchable window, ARI forwarding.
#pragma once
#include "models/pcie/root_complex.h"

namespace iov::pcie {

inline void open_port(RootComplex& rc, unsigned port, unsigned first_bus, unsigned last_bus, std::uint64_t base,
                      std::uint64_t bytes) {
  const config::BridgeWindow window{base, base + bytes - 1};
  rc.write_root_port(port, PCI_PRIMARY_BUS, 4, first_bus << 8 | last_bus << 16);
  rc.write_root_port(port, PCI_PREF_MEMORY_BASE, 4, window.base_limit());
  rc.write_root_port(port, PCI_PREF_BASE_UPPER32, 4, window.base_upper());
  rc.write_root_port(port, PCI_PREF_LIMIT_UPPER32, 4, window.limit_upper());
  const unsigned express = rc.root_port(port).config().layout().capability(PCI_CAP_ID_EXP);
  rc.write_root_port(port, express + PCI_EXP_DEVCTL2, 2, PCI_EXP_DEVCTL2_ARI);
  rc.write_root_port(port, PCI_MEMORY_BASE, 4, config::BridgeWindow{}.base_limit());
  rc.write_root_port(port, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

}  // namespace iov::pcie
