// SPDX-License-Identifier: Apache-2.0
/// MemoryPort -- how every block reaches host memory: a standard TLM-2.0 initiator socket.
///
/// Timing  b_transport's delay argument is read as temporal decoupling reads it: on call, how far the
///         access starts after Timeline::now(); on return, when its last byte is there. A memory must
///         therefore annotate its latency and must not wait(). host::Memory models bandwidth by
///         reservation, so callers need no event until they react to the answer.
/// Bytes   `MemoryHint::timing_only` marks accesses without real bytes; a memory that does not know
///         the extension sees a scratch buffer.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <systemc>
#include <tlm>

#include "models/core/address.h"
#include "models/core/sim_error.h"
#include "models/core/timeline.h"

namespace iov {

struct MemoryHint : tlm::tlm_extension<MemoryHint> {
  bool timing_only = false;
  bool functional = false;  ///< bytes now, no time, no statistics: set-up and checks
  bool allocate = true;     ///< writes may allocate in the LLC (DDIO); reads may hit it
  bool quiet = false;       ///< set by a memory that notifies nothing in the SystemC kernel
  std::uint32_t length = 0; ///< bytes on the memory bus; >= the data length of the payload
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
    return transport(tlm::TLM_READ_COMMAND, address, bytes, length, start, allocate);
  }
  Time write(Hpa address, std::span<const std::uint8_t> bytes, std::uint32_t length, const Time& start,
             bool allocate = true) {
    return transport(tlm::TLM_WRITE_COMMAND, address,
                     {const_cast<std::uint8_t*>(bytes.data()), bytes.size()}, length, start, allocate);
  }
  /// Bytes at once, without time or statistics (software whose cost is charged elsewhere, set-up, tests).
  void peek(Hpa address, std::span<std::uint8_t> bytes) {
    functional(tlm::TLM_READ_COMMAND, address, bytes);
  }
  /// @param written  bytes that the processor wrote there in all, if more than exist for real: they are then in its LLC
  void poke(Hpa address, std::span<const std::uint8_t> bytes, std::uint32_t written = 0) {
    functional(tlm::TLM_WRITE_COMMAND, address, {const_cast<std::uint8_t*>(bytes.data()), bytes.size()}, written);
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

  /// Whether the last access reached memory (false: no such address; no bytes moved).
  bool ok() const { return ok_; }

  tlm::tlm_initiator_socket<> socket{"socket"};

 private:
  Time transport(tlm::tlm_command command, Hpa address, std::span<std::uint8_t> bytes, std::uint32_t length,
                 const Time& start, bool allocate) {
    hint_.timing_only = bytes.empty();
    hint_.functional = false;
    hint_.allocate = allocate;
    hint_.length = length;
    fill(command, address, bytes);
    const Time now = timeline_.now();
    Time delay = start - now;
    socket->b_transport(payload_, delay);
    if (!hint_.quiet) timeline_.kernel_touched();
    ok_ = payload_.is_response_ok();
    return now + delay;
  }
  void functional(tlm::tlm_command command, Hpa address, std::span<std::uint8_t> bytes,
                  std::uint32_t length = 0) {
    hint_.timing_only = false;
    hint_.functional = true;
    hint_.length = std::max(length, static_cast<std::uint32_t>(bytes.size()));
    fill(command, address, bytes);
    ok_ = socket->transport_dbg(payload_) == bytes.size();
    if (!hint_.quiet) timeline_.kernel_touched();
  }
  void fill(tlm::tlm_command command, Hpa address, std::span<std::uint8_t> bytes) {
    hint_.quiet = false;
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
  MemoryHint hint_;
  tlm::tlm_generic_payload payload_;
  bool ok_ = true;
  std::array<std::uint8_t, 4096> scratch_{};
};

}  // namespace iov
