// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/lspci_dump.h"

#include <ostream>
#include <string>

namespace iov::config {

namespace {
std::string hex(std::uint32_t value, unsigned digits) {
  std::string text(digits, '0');
  for (unsigned i = digits; i-- > 0; value >>= 4) text[i] = "0123456789abcdef"[value & 15];
  return text;
}
}  // namespace

void write_lspci_title(std::ostream& out, const LspciFunction& f) {
  if (f.domain) out << hex(*f.domain, 4) << ':';
  out << hex(f.id.bus(), 2) << ':' << hex(f.id.devfn() >> 3, 2) << '.' << hex(f.id.devfn() & 7u, 1) << ' '
      << f.title << '\n';
}

void write_lspci_line(std::ostream& out, unsigned offset, const std::uint32_t (&dwords)[4]) {
  out << hex(offset, offset < 0x100 ? 2 : 3) << ':';
  for (const std::uint32_t dword : dwords)
    for (unsigned shift = 0; shift < 32; shift += 8) out << ' ' << hex(dword >> shift & 0xff, 2);
  out << '\n';
}

void write_lspci_end(std::ostream& out) { out << '\n'; }

}  // namespace iov::config
