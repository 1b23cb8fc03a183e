// SPDX-License-Identifier: Apache-2.0
/// MemoryPort -- how every block reaches host memory: a standard TLM-2.0 initiator socket.
///
/// Timing  b_transport's delay argument is read as temporal decoupling reads it: on call, how far the
///         access starts after Timeline::now(); on return, when its last byte is there. A memory must
///         therefore annotate its latency and must not wait(). host::Memory models bandwidth by
///         reservation, so callers need no event until they react to the answer.
/// Bytes   `MemoryHint::timing_only` marks accesses without real bytes; a memory that does not know
///         the extension sees a scratch buffer.
/// Speed   a memory that is bound directly and is a DirectMemory is asked by a plain call, without a payload.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <systemc>
#include <tlm>

#include "models/core/address.h"
#include "models/core/sim_error.h"
#include "models/core/prefetch.h"
#include "models/core/timeline.h"

namespace iov {

/// An access in time. Of `length` bytes the leading bytes.size() exist for real.
struct MemoryAccess {
  Hpa address;
  std::span<std::uint8_t> bytes;  ///< read into, or written from
  std::uint32_t length;           ///< on the memory bus, at least bytes.size()
  bool write;
  bool allocate;  ///< writes may allocate in the LLC (DDIO); reads may hit it
};

/// An entry of a table that is read, and where a memory has found it ahead of that: what it then need not look for again. It
/// notices what changed in between.
struct FoundEntry {
  static constexpr std::uint64_t nowhere = ~std::uint64_t{0};
  /// Its words as they are now, if that many are still where they were found.
  bool copy(std::uint64_t wanted, std::uint64_t* words, std::uint32_t length_wanted) const {
    if (address != wanted || version != *current || length_wanted > length) return false;
    if (length_wanted == sizeof *words)
      std::memcpy(words, bytes, sizeof *words);  // of a page table: without a call
    else if (length_wanted == 2 * sizeof *words)
      std::memcpy(words, bytes, 2 * sizeof *words);
    else
      std::memcpy(words, bytes, length_wanted);
    return true;
  }
  std::uint64_t address = nowhere;
  std::uint64_t version = 0;               ///< of where bytes lie
  const std::uint64_t* current = nullptr;  ///< the version that is so now
  const std::uint8_t* bytes = nullptr;
  std::uint64_t length = 0;  ///< bytes that lie there
  void* set = nullptr;       ///< of the LLC, where its sector would be
  std::uint32_t tag = 0;     ///< of that
  bool allocate = true;      ///< as in MemoryAccess; set by who reads
};

/// What a memory of ours offers besides its socket: the same accesses as plain calls. It notifies nothing in the SystemC kernel.
class DirectMemory {
 public:
  /// Moves the bytes at once. @param when  where it starts; then, when its last byte is there
  /// @returns false: no such address, and nothing happened
  virtual bool access(const MemoryAccess& access, Time& when) = 0;
  /// Bytes at once, without time. @returns as access()
  virtual bool peek(Hpa address, std::span<std::uint8_t> bytes) = 0;
  virtual bool poke(Hpa address, std::span<const std::uint8_t> bytes, std::uint32_t written) = 0;
  virtual void prefetch(Hpa address) const = 0;
  virtual void prefetch_page(Hpa address) const = 0;  ///< before prefetch(): what tells where its bytes are
  virtual void add_to(WorkingSet& set, Hpa address) const = 0;
  /// Looks for an entry and prefetches it.
  virtual void find(Hpa address, FoundEntry& entry) = 0;
  /// The time of a read of so many bytes that were copied from an entry found before; and as find(), of what comes next.
  /// @param when  as in access()  @param next  found before, may be the entry; null: only what the LLC has of it is asked for
  virtual void read_found(const FoundEntry& entry, std::uint32_t length, Time& when, Hpa guess, FoundEntry* next) = 0;

 protected:
  ~DirectMemory() = default;
};

struct MemoryHint : tlm::tlm_extension<MemoryHint> {
  bool timing_only = false;
  bool allocate = true;     ///< as in MemoryAccess
  std::uint32_t length = 0; ///< as in MemoryAccess; of a functional write, bytes that the processor wrote in all
  tlm_extension_base* clone() const override { return new MemoryHint(*this); }
  void copy_from(const tlm_extension_base& o) override { *this = static_cast<const MemoryHint&>(o); }
};

class MemoryPort : public sc_core::sc_module, tlm::tlm_bw_transport_if<> {
 public:
  MemoryPort(const sc_core::sc_module_name& name, Timeline& timeline) : sc_module(name), timeline_(timeline) {
    socket.bind(*this);
    payload_.set_extension(&hint_);
  }
  ~MemoryPort() override { payload_.clear_extension(&hint_); }

  /// Reads `length` bytes, the leading bytes.size() of them for real; starts at `start` (>= now).
  /// @returns when the last byte is there
  Time read(Hpa address, std::span<std::uint8_t> bytes, std::uint32_t length, const Time& start,
            bool allocate = true) {
    return access({address, bytes, length, false, allocate}, start);
  }
  Time write(Hpa address, std::span<const std::uint8_t> bytes, std::uint32_t length, const Time& start,
             bool allocate = true) {
    return access({address, writable(bytes), length, true, allocate}, start);
  }
  /// Bytes at once, without time or statistics (software whose cost is charged elsewhere, set-up, tests).
  void peek(Hpa address, std::span<std::uint8_t> bytes) {
    if (DirectMemory* const memory = direct())
      ok_ = memory->peek(address, bytes);
    else
      functional(tlm::TLM_READ_COMMAND, address, bytes);
  }
  /// @param written  bytes that the processor wrote there in all, if more than exist for real: they are then in its LLC
  void poke(Hpa address, std::span<const std::uint8_t> bytes, std::uint32_t written = 0) {
    if (DirectMemory* const memory = direct())
      ok_ = memory->poke(address, bytes, written);
    else
      functional(tlm::TLM_WRITE_COMMAND, address, writable(bytes), written);
  }
  template <class T>
  T peek(Hpa address) {
    T value{};
    peek(address, {reinterpret_cast<std::uint8_t*>(&value), sizeof value});
    return value;
  }
  template <class T>
  void poke_value(Hpa address, const T& value) {
    poke(address, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  /// This line will be accessed soon. Without effect on results.
  void prefetch(Hpa address) {
    if (direct_) direct_->prefetch(address);
  }
  /// Before prefetch(): what tells where its bytes are.
  void prefetch_page(Hpa address) {
    if (direct_) direct_->prefetch_page(address);
  }
  void add_to(WorkingSet& set, Hpa address) {
    if (direct_) direct_->add_to(set, address);
  }
  /// As prefetch(), for a read that copies what was found.
  void find(Hpa address, FoundEntry& entry) {
    if (direct_) direct_->find(address, entry);
  }
  /// See DirectMemory, which has found the entry.
  void read_found(const FoundEntry& entry, std::uint32_t length, Time& when, Hpa guess, FoundEntry* next) {
    direct_->read_found(entry, length, when, guess, next);
  }

  /// Whether the last access reached memory (false: no such address; no bytes moved).
  bool ok() const { return ok_; }

  tlm::tlm_initiator_socket<> socket{"socket"};

 private:
  static std::span<std::uint8_t> writable(std::span<const std::uint8_t> bytes) {
    return {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  }
  /// Sockets are bound by the time of the first access.
  DirectMemory* direct() { return direct_ || sought_ ? direct_ : seek(); }
  [[gnu::cold]] DirectMemory* seek() {
    sought_ = true;
    return direct_ = dynamic_cast<DirectMemory*>(socket.operator->());
  }
  Time access(const MemoryAccess& what, const Time& start) {
    DirectMemory* const memory = direct();
    if (!memory) return transport(what, start);
    Time when = start;
    ok_ = memory->access(what, when);
    return when;
  }
  [[gnu::noinline]] Time transport(const MemoryAccess& what, const Time& start) {
    hint_.timing_only = what.bytes.empty();
    hint_.allocate = what.allocate;
    hint_.length = what.length;
    fill(what.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, what.address, what.bytes);
    const Time now = timeline_.now();
    Time delay = start - now;
    socket->b_transport(payload_, delay);
    timeline_.kernel_touched();
    ok_ = payload_.is_response_ok();
    return now + delay;
  }
  [[gnu::noinline]] void functional(tlm::tlm_command command, Hpa address, std::span<std::uint8_t> bytes,
                                    std::uint32_t length = 0) {
    hint_.timing_only = false;
    hint_.length = std::max(length, static_cast<std::uint32_t>(bytes.size()));
    fill(command, address, bytes);
    ok_ = socket->transport_dbg(payload_) == bytes.size();
    timeline_.kernel_touched();
  }
  void fill(tlm::tlm_command command, Hpa address, std::span<std::uint8_t> bytes) {
    const bool none = bytes.empty();
    payload_.set_command(command);
    payload_.set_address(address.value);
    payload_.set_data_ptr(none ? scratch_.data() : bytes.data());
    payload_.set_data_length(none ? std::min(hint_.length, static_cast<unsigned>(scratch_.size()))
                                  : static_cast<unsigned>(bytes.size()));
    payload_.set_streaming_width(payload_.get_data_length());
    payload_.set_byte_enable_ptr(nullptr);
    payload_.set_dmi_allowed(false);
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  }
  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, Time&) override {
    return tlm::TLM_ACCEPTED;
  }
  void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}

  Timeline& timeline_;
  DirectMemory* direct_ = nullptr;
  bool sought_ = false;
  MemoryHint hint_;
  tlm::tlm_generic_payload payload_;
  bool ok_ = true;
  std::array<std::uint8_t, 4096> scratch_{};
};

}  // namespace iov
