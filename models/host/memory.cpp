// SPDX-License-Identifier: Apache-2.0
#include "models/host/memory.h"

namespace iov::host {

Memory::Memory(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      llc_line_time_(params.llc_bandwidth.time_for(Llc::line_bytes)),
      dram_line_time_(params.dram_bandwidth.time_for(Llc::line_bytes)),
      bytes_(params.size.count),
      llc_(params.llc_size.count, params.llc_ways, params.ddio_ways) {
  socket.bind(*this);
}

bool Memory::supported(tlm::tlm_generic_payload& payload, std::uint32_t length) {
  tlm::tlm_response_status status = tlm::TLM_OK_RESPONSE;
  if (!bytes_.holds(payload.get_address(), length)) {
    ++address_errors;
    status = tlm::TLM_ADDRESS_ERROR_RESPONSE;
  } else if (payload.get_byte_enable_ptr()) {
    status = tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
  } else if (payload.get_streaming_width() < payload.get_data_length()) {
    status = tlm::TLM_BURST_ERROR_RESPONSE;
  }
  payload.set_response_status(status);
  return status == tlm::TLM_OK_RESPONSE;
}

void Memory::move(tlm::tlm_generic_payload& payload) {
  const std::span<std::uint8_t> data{payload.get_data_ptr(), payload.get_data_length()};
  if (payload.is_read())
    bytes_.read(payload.get_address(), data);
  else if (payload.is_write())
    bytes_.write(payload.get_address(), data);
}

void Memory::b_transport(tlm::tlm_generic_payload& payload, Time& delay) {
  MemoryHint* hint = payload.get_extension<MemoryHint>();
  if (hint) hint->quiet = true;
  const std::uint32_t length =
      hint ? std::max(hint->length, hint->timing_only ? 0u : payload.get_data_length())
           : payload.get_data_length();
  if (!supported(payload, length)) return;
  if (hint && hint->functional) {
    transport_dbg(payload);
    return;
  }
  if (!hint || !hint->timing_only) move(payload);
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND || length == 0) return;
  const Access access{payload.get_address(), length, payload.is_write(), !hint || hint->allocate};
  ++(access.write ? writes : reads);
  (access.write ? written_bytes : read_bytes) += length;
  const Time now = timeline_.now();
  delay = finish(now, now + delay, look_up(access)) - now;
}

unsigned Memory::transport_dbg(tlm::tlm_generic_payload& payload) {
  MemoryHint* hint = payload.get_extension<MemoryHint>();
  if (hint) hint->quiet = true;
  const unsigned length = payload.get_data_length();
  if (!bytes_.holds(payload.get_address(), length)) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return 0;
  }
  move(payload);
  if (payload.is_write()) {
    llc_.processor_write(payload.get_address(), hint ? std::max(hint->length, length) : length);
  }
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
  return length;
}

tlm::tlm_sync_enum Memory::nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                           Time& delay) {
  if (phase == tlm::BEGIN_REQ) b_transport(payload, delay);
  return tlm::TLM_COMPLETED;  // early completion, IEEE 1666-2011 15.2
}

Memory::Lines Memory::look_up(const Access& access) {
  const std::uint64_t first = access.address >> Llc::log2_line;
  const std::uint64_t last = (access.address + access.length - 1) >> Llc::log2_line;
  const std::uint64_t count = last - first + 1;
  Lines result;
  if (params_.llc_model == LlcModel::always_hit) {
    result.hits = result.llc = count;
  } else if (params_.llc_model == LlcModel::always_miss) {
    result.dram = count;
    result.waits_for_dram = true;
  } else if (access.write && access.allocate && params_.ddio_ways > 0) {
    for (std::uint64_t line = first; line <= last; ++line) write_line(line, result);
  } else {
    for (std::uint64_t line = first; line <= last; ++line) bypass_line(line, access, result);
  }
  lines += count;
  llc_hits += result.hits;
  llc_misses += count - result.hits;
  llc_evictions += result.evicted;
  return result;
}

/// DDIO.
inline void Memory::write_line(std::uint64_t line, Lines& result) {
  const Llc::Write write = llc_.write(line);
  ++result.llc;
  result.hits += write.hit;
  if (write.evicts) ++result.evicted, ++result.dram;
}

/// Reads do not allocate, nor do writes without DDIO.
inline void Memory::bypass_line(std::uint64_t line, const Access& access, Lines& result) {
  if (access.allocate && llc_.read(line)) {
    ++result.llc, ++result.hits;
    return;
  }
  if (access.write) llc_.invalidate(line);
  ++result.dram;
  result.waits_for_dram = true;
}

namespace {
Time time_to_move(std::uint64_t lines, const Time& line) { return lines == 1 ? line : Time::from_value(line.value() * lines); }
}  // namespace

Time Memory::finish(const Time& now, const Time& start, const Lines& moved) {
  Time done = start;
  if (moved.llc > 0) {
    const Time service = time_to_move(moved.llc, llc_line_time_);
    llc_busy.add(service);
    done = llc_calendar_.book(now, start, service) + params_.llc_latency;
  }
  if (moved.dram > 0) {
    const Time service = time_to_move(moved.dram, dram_line_time_);
    dram_busy.add(service);
    const Time end = dram_calendar_.book(now, start, service);
    if (moved.waits_for_dram) done = std::max(done, end + params_.dram_latency);
  }
  return done;
}

}  // namespace iov::host
