// SPDX-License-Identifier: Apache-2.0
#include "models/host/memory.h"

namespace iov::host {

Memory::Memory(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      llc_times_(params.llc_bandwidth.time_for(Llc::line_bytes)),
      dram_times_(params.dram_bandwidth.time_for(Llc::line_bytes)),
      bytes_(params.size.count),
      llc_(params.llc_size.count, params.llc_ways, params.ddio_ways) {
  socket.bind(*this);
}

/// Reads do not allocate, nor do writes without DDIO.
inline void Memory::bypass_line(std::uint64_t line, const MemoryAccess& access, Lines& result) {
  if (access.allocate && llc_.read(line)) {
    ++result.llc, ++result.hits;
    return;
  }
  if (access.write) llc_.invalidate(line);
  ++result.dram;
  result.waits_for_dram = true;
}

Memory::Lines Memory::look_up_otherwise(std::uint64_t first, std::uint64_t last, const MemoryAccess& access) {
  const std::uint64_t count = last - first + 1;
  Lines result;
  if (params_.llc_model == LlcModel::always_hit) {
    result.hits = result.llc = count;
  } else if (params_.llc_model == LlcModel::always_miss) {
    result.dram = count;
    result.waits_for_dram = true;
  } else {
    for (std::uint64_t line = first; line <= last; ++line) bypass_line(line, access, result);
  }
  return result;
}

[[gnu::always_inline]] inline Memory::Lines Memory::look_up(std::uint64_t first, std::uint64_t last, const MemoryAccess& access) {
  const std::uint64_t count = last - first + 1;
  Lines result;
  if (access.write && access.allocate && params_.ddio_ways > 0 && params_.llc_model == LlcModel::tracked) {
    const Llc::Written written = llc_.write(first, last);  // DDIO
    result.llc = count;
    result.hits = written.hits;
    result.evicted = result.dram = written.evicted;
  } else {
    result = look_up_otherwise(first, last, access);
  }
  lines += count;
  llc_hits += result.hits;
  llc_misses += count - result.hits;
  llc_evictions += result.evicted;
  return result;
}

inline Time Memory::move_llc(std::uint64_t moved, const Time& start) {
  const Time service = llc_times_.of(moved);
  llc_busy.add(service);
  return llc_calendar_.book(timeline_.now(), start, service) + params_.llc_latency;
}

inline Time Memory::move_dram(std::uint64_t moved, const Time& start) {
  const Time service = dram_times_.of(moved);
  dram_busy.add(service);
  return dram_calendar_.book(timeline_.now(), start, service) + params_.dram_latency;
}

[[gnu::always_inline]] inline Time Memory::finish(const Time& start, const Lines& moved) {
  Time done = start;
  if (moved.llc > 0) done = move_llc(moved.llc, start);
  if (moved.dram > 0) {
    const Time end = move_dram(moved.dram, start);
    if (moved.waits_for_dram) done = std::max(done, end);
  }
  return done;
}

/// As finish(), of one line: what fetches of descriptors and walks of tables read.
[[gnu::always_inline]] inline Time Memory::move_line(bool hit, const Time& start) {
  ++lines, ++(hit ? llc_hits : llc_misses);
  return hit ? move_llc(1, start) : move_dram(1, start);
}

bool Memory::access(const MemoryAccess& a, Time& when) {
  const std::uint32_t length = std::max(a.length, static_cast<std::uint32_t>(a.bytes.size()));
  const bool lines = a.write || length - 1 >= Llc::line_bytes - a.address.value % Llc::line_bytes;
  return lines ? access_lines(a, when, length) : read_line(a, when, length);
}

/// From a single line.
bool Memory::read_line(const MemoryAccess& a, Time& when, std::uint32_t length) {
  const std::uint64_t address = a.address.value;
  if (!bytes_.holds(address, length)) return refuse();
  if (!a.bytes.empty()) bytes_.read_line(address, a.bytes);
  ++reads;
  read_bytes += length;
  when = move_line(cached(address >> Llc::log2_line, a.allocate), when);
  return true;
}

void Memory::find(Hpa address, FoundEntry& entry) {
  entry.address = bytes_.holds_line_of(address.value) ? address.value : FoundEntry::nowhere;
  if (entry.address == FoundEntry::nowhere) return;
  const SparseBytes::Found found = bytes_.find_entry(address.value);
  entry.version = bytes_.version(), entry.current = &bytes_.version(), entry.bytes = found.bytes, entry.length = found.length;
  iov::prefetch(found.bytes);
  const Llc::Sector sector = llc_.sector_of(address.value >> Llc::log2_line);
  entry.set = sector.set, entry.tag = sector.tag;
}

void Memory::read_found(const FoundEntry& entry, std::uint32_t length, Time& when, Hpa guess, FoundEntry* next) {
  ++reads;
  read_bytes += length;
  const bool looks = entry.allocate && params_.llc_model == LlcModel::tracked;
  const bool hit = looks ? llc_.read(entry.address >> Llc::log2_line, {entry.set, entry.tag}) : params_.llc_model == LlcModel::always_hit;
  when = move_line(hit, when);
  next ? find(guess, *next) : void(llc_.sector_of(guess.value >> Llc::log2_line));
}

bool Memory::refuse() {
  ++address_errors;
  return false;
}

[[gnu::noinline]] bool Memory::access_lines(const MemoryAccess& a, Time& when, std::uint32_t length) {
  if (!bytes_.holds(a.address.value, length)) return refuse();
  if (!a.bytes.empty()) a.write ? bytes_.write(a.address.value, a.bytes) : bytes_.read(a.address.value, a.bytes);
  if (length == 0) return true;
  ++(a.write ? writes : reads);
  (a.write ? written_bytes : read_bytes) += length;
  when = finish(when, look_up(a.address.value >> Llc::log2_line, (a.address.value + length - 1) >> Llc::log2_line, a));
  return true;
}

bool Memory::peek(Hpa address, std::span<std::uint8_t> bytes) {
  const bool there = bytes_.holds(address.value, bytes.size());
  if (there) bytes_.read(address.value, bytes);
  return there;
}

bool Memory::poke(Hpa address, std::span<const std::uint8_t> bytes, std::uint32_t written) {
  if (!bytes_.holds(address.value, bytes.size())) return false;
  bytes_.write(address.value, bytes);
  llc_.processor_write(address.value, std::max<std::uint64_t>(written, bytes.size()));
  return true;
}

void Memory::prefetch(Hpa address) const {
  if (!bytes_.holds(address.value, 1)) return;
  bytes_.prefetch(address.value);
  llc_.prefetch(address.value >> Llc::log2_line);
}

void Memory::prefetch_page(Hpa address) const {
  if (bytes_.holds(address.value, 1)) bytes_.prefetch_page(address.value);
}

void Memory::add_to(WorkingSet& set, Hpa address) const {
  if (!bytes_.holds(address.value, 1)) return;
  bytes_.add_to(set, address.value);
  llc_.add_to(set, address.value >> Llc::log2_line);
}

void Memory::b_transport(tlm::tlm_generic_payload& payload, Time& delay) {
  const MemoryHint* const hint = payload.get_extension<MemoryHint>();
  if (payload.get_byte_enable_ptr()) return payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
  if (payload.get_streaming_width() < payload.get_data_length()) return payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND) return void(transport_dbg(payload));
  const std::span<std::uint8_t> bytes(payload.get_data_ptr(), hint && hint->timing_only ? 0 : payload.get_data_length());
  const std::uint32_t length = hint ? hint->length : payload.get_data_length();
  const Time now = timeline_.now();
  Time when = now + delay;
  const bool there = access({Hpa(payload.get_address()), bytes, length, payload.is_write(), !hint || hint->allocate}, when);
  payload.set_response_status(there ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  delay = when - now;
}

unsigned Memory::transport_dbg(tlm::tlm_generic_payload& payload) {
  const MemoryHint* const hint = payload.get_extension<MemoryHint>();
  const std::span<std::uint8_t> bytes(payload.get_data_ptr(), payload.get_data_length());
  const Hpa address(payload.get_address());
  const bool there = payload.is_write() ? poke(address, bytes, hint ? hint->length : 0)
                     : payload.is_read() ? peek(address, bytes)
                                         : bytes_.holds(address.value, bytes.size());
  payload.set_response_status(there ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  return there ? payload.get_data_length() : 0;
}

tlm::tlm_sync_enum Memory::nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                           Time& delay) {
  if (phase == tlm::BEGIN_REQ) b_transport(payload, delay);
  return tlm::TLM_COMPLETED;  // early completion, IEEE 1666-2011 15.2
}

}  // namespace iov::host
