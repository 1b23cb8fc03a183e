// SPDX-License-Identifier: Apache-2.0
/// Tlp -- the transaction-layer packet: what travels on a PCIe link. A plain, movable value.
///
/// Spec    PCIe Base 5.0 2.2 (format), 2.4 (ordering attributes), 2.6.1 (flow-control classes),
///         6.20 (PASID prefix), 10.2 (ATS).
/// Omits   ECRC; byte enables finer than `length` (first/last BE are derived from address and length).
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "models/core/address.h"
#include "models/core/byte_pool.h"
#include "models/core/journey.h"

namespace iov {

enum class FcClass : std::uint8_t { posted, non_posted, completion };
inline constexpr std::size_t fc_classes = 3;

enum class TlpType : std::uint8_t {
  memory_read,
  memory_write,
  config_read,   ///< type 0, or type 1 when `type1`
  config_write,
  completion,       ///< without data
  completion_data,
  message,          ///< without data
  message_data,
};

enum class AddressType : std::uint8_t { untranslated, translation_request, translated };
enum class CompletionStatus : std::uint8_t { success = 0, unsupported_request = 1, retry = 2, abort = 4 };

/// Message codes of ATS and PRI (PCIe Base 5.0 10.3, 10.4) and of INTx (2.2.8.1; INTB to INTD are the next three).
enum class MessageCode : std::uint8_t {
  none = 0,
  invalidate_request = 0x01,
  invalidate_completion = 0x02,
  page_request = 0x04,
  page_group_response = 0x05,
  assert_inta = 0x20,
  deassert_inta = 0x24,
};
constexpr bool is_intx(MessageCode code) { return (static_cast<unsigned>(code) & ~7u) == 0x20; }
constexpr unsigned intx_line(MessageCode code) { return static_cast<unsigned>(code) & 3; }  ///< 0: INTA
constexpr MessageCode intx_message(unsigned line, bool asserted) {
  const auto first = static_cast<unsigned>(asserted ? MessageCode::assert_inta : MessageCode::deassert_inta);
  return static_cast<MessageCode>(first | (line & 3));
}
constexpr bool is_assert(MessageCode code) { return (static_cast<unsigned>(code) & 4) == 0; }

/// All of a TLP but its bytes: copied as one block.
struct TlpHeader {
  TlpType type = TlpType::memory_read;
  AddressType at = AddressType::untranslated;
  CompletionStatus status = CompletionStatus::success;  ///< completions
  MessageCode message = MessageCode::none;
  bool relaxed_ordering = false;
  bool no_snoop = false;
  bool poisoned = false;
  bool no_write = false;  ///< translation requests: read-only access is enough
  bool type1 = false;     ///< configuration requests: for a bus behind the next one
  RequesterId requester;
  RequesterId completer;     ///< completions: who answers; messages and config requests by ID: destination
  std::uint16_t tag = 0;
  Pasid pasid;
  std::uint32_t length = 0;  ///< bytes asked for (requests) or carried (writes, completions, messages)
  /// Byte address: an Iova untranslated, an Hpa when at == translated or on its way down to a BAR;
  /// completions: address of their first byte (its low 7 bits are Lower Address); config: register;
  /// messages: the 8-byte body (invalidate request: 63:12 address, 11 S; completion: ITag vector).
  std::uint64_t address = 0;
  std::uint32_t byte_count = 0;  ///< completions: bytes still owed, this TLP's included
  /// Reads: how many leading bytes must be answered with real bytes (0: timing only).
  std::uint32_t want_bytes = 0;
  JourneyRef journey;  ///< of the I/O this is the last piece of, if any

  FcClass fc() const { return rows[static_cast<std::size_t>(type)].fc; }
  bool has_data() const { return rows[static_cast<std::size_t>(type)].has_data; }
  /// Payload bytes on the wire: whole DWs between the first and the last byte.
  std::uint32_t payload() const {
    const Row& row = rows[static_cast<std::size_t>(type)];
    const auto lead = static_cast<std::uint32_t>(address) & row.lead;
    return row.has_data ? (lead + length + 3) & ~3u : 0u;
  }
  /// Header and prefix bytes: 3 DW for completions, config and requests below 4 GiB, else 4 DW.
  std::uint32_t header() const { return (four_dw() ? 16u : 12u) + (pasid.present() ? 4u : 0u); }

 private:
  enum class Header : std::uint8_t { three_dw, four_dw, by_address };
  struct Row {
    FcClass fc;
    bool has_data;
    Header header;
    std::uint8_t lead;  ///< bits of the address that shift the payload: a message has no byte address
  };
  static constexpr Row rows[] = {
      {FcClass::non_posted, false, Header::by_address, 3},  // memory_read
      {FcClass::posted, true, Header::by_address, 3},       // memory_write
      {FcClass::non_posted, false, Header::three_dw, 3},    // config_read
      {FcClass::non_posted, true, Header::three_dw, 3},     // config_write
      {FcClass::completion, false, Header::three_dw, 3},    // completion
      {FcClass::completion, true, Header::three_dw, 3},     // completion_data
      {FcClass::posted, false, Header::four_dw, 0},         // message
      {FcClass::posted, true, Header::four_dw, 0},          // message_data
  };
  bool four_dw() const {
    const Header header = rows[static_cast<std::size_t>(type)].header;
    return header == Header::four_dw || (header == Header::by_address && address >> 32 != 0);
  }
};
static_assert(std::is_trivially_copyable_v<TlpHeader>);

struct Tlp : TlpHeader {
  ByteBuffer data;  ///< writes, completions, messages: the leading data.size() <= length bytes of the payload
};

}  // namespace iov
