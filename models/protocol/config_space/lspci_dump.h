// SPDX-License-Identifier: Apache-2.0
/// The hex dump of configuration spaces that `lspci -F FILE` reads: the output format of `lspci -xxxx`.
///
/// Spec    lspci(8) of pciutils: a line with the function's ID, then 16 bytes a line, 4096 bytes.
#pragma once
#include <iosfwd>
#include <optional>
#include <string_view>

#include "models/core/address.h"
#include "models/protocol/config_space/row.h"

namespace iov::config {

struct LspciFunction {
  RequesterId id;
  std::string_view title;                 ///< free text behind the ID, ignored by lspci
  std::optional<std::uint16_t> domain{};  ///< printed when given
};

/// The line that starts a function, its bytes, an empty line. `space` has dword(offset).
void write_lspci_title(std::ostream& out, const LspciFunction& function);
void write_lspci_line(std::ostream& out, unsigned offset, const std::uint32_t (&dwords)[4]);
void write_lspci_end(std::ostream& out);

template <class Space>
void write_lspci(std::ostream& out, const LspciFunction& function, const Space& space) {
  write_lspci_title(out, function);
  for (unsigned offset = 0; offset < space_bytes; offset += 16)
    write_lspci_line(
        out, offset,
        {space.dword(offset), space.dword(offset + 4), space.dword(offset + 8), space.dword(offset + 12)});
  write_lspci_end(out);
}

}  // namespace iov::config
