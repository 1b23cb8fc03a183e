// SPDX-License-Identifier: Apache-2.0
#include "models/workload/pcap_trace.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <memory>

#include "models/workload/stations.h"

namespace iov::workload {

namespace {
constexpr std::uint32_t ethernet_header = 14, mtu = 1500, min_frame = 60;
constexpr std::uint32_t longest_packet =
    8 * 65535 + 100;  // Linux GSO_MAX_SIZE and its headers: longer ones are damage

struct Close {
  void operator()(pcap_t* p) const { pcap_close(p); }
};
using Handle = std::unique_ptr<pcap_t, Close>;

Handle open(const std::string& file) {
  char error[PCAP_ERRBUF_SIZE] = "";
  Handle handle(pcap_open_offline_with_tstamp_precision(file.c_str(), PCAP_TSTAMP_PRECISION_NANO, error));
  if (!handle) {
    const std::string text = error;  // libpcap names the file in some of its messages, not in all
    throw TraceError(text.starts_with(file) ? text : file + ": cannot be read as a capture: " + text);
  }
  return handle;
}

LinkLayer link_layer(const std::string& file, int type) {
  switch (type) {
    case DLT_EN10MB: return {ethernet_header, true, 12};
    case DLT_LINUX_SLL: return {16, false, 14};
    case DLT_LINUX_SLL2: return {20, false, 0};
    case DLT_NULL:
    case DLT_LOOP: return {4, false, 0};
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6: return {0, false, 0};
    default: break;
  }
  const char* name = pcap_datalink_val_to_name(type);
  throw TraceError(
      file + ": link type " + std::to_string(type) + (name ? " (" + std::string(name) + ")" : "") +
      " is not supported; supported are EN10MB, LINUX_SLL, LINUX_SLL2, NULL, LOOP, RAW, IPV4, IPV6");
}

/// Appends the packet as one frame, or as the frames into which an MTU of 1500 B would have cut it.
void append(std::vector<TraceRecord>& records, TraceRecord record, std::uint32_t network_bytes) {
  do {
    const std::uint32_t part = std::min(network_bytes, mtu);
    record.bytes = std::max(min_frame, part + ethernet_header);
    records.push_back(record);
    network_bytes -= part;
  } while (network_bytes > 0);
}

Time since(const timeval& first, const timeval& t) {  // tv_usec holds nanoseconds here
  const std::int64_t ns =
      (std::int64_t{t.tv_sec} - first.tv_sec) * 1'000'000'000 + (t.tv_usec - first.tv_usec);
  return Time::from_value(static_cast<std::uint64_t>(std::max<std::int64_t>(0, ns)) * 1'000'000);
}
}  // namespace

PcapTrace PcapTrace::read(const std::string& file) {
  const Handle handle = open(file);
  const LinkLayer link = link_layer(file, pcap_datalink(handle.get()));
  PcapTrace trace;
  Stations stations;
  timeval first{};
  Time latest;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  std::uint64_t number = 0;
  int result = 0;
  while ((result = pcap_next_ex(handle.get(), &header, &data)) == 1) {
    if (++number == 1) first = header->ts;
    latest = std::max(latest, since(first, header->ts));  // never backwards
    const auto pair = addresses_of({data, header->caplen}, link);
    const auto place = pair ? stations.place(*pair) : std::nullopt;
    if (header->len > longest_packet)
      throw TraceError(file + ": packet " + std::to_string(number) + " claims a length of " +
                       std::to_string(header->len) + " B, more than any real one");
    if (place && header->len > link.header)
      append(trace.records_, {latest, 0, place->station, place->from_vm}, header->len - link.header);
    else
      ++trace.unmapped_;
  }
  if (result == PCAP_ERROR)
    throw TraceError(file + ": damaged after packet " + std::to_string(number) + ": " +
                     pcap_geterr(handle.get()));
  if (number == 0) throw TraceError(file + ": holds no packets");
  if (trace.records_.empty())
    throw TraceError(file + ": none of its " + std::to_string(number) +
                     " packets has addresses that tell its ends apart");
  trace.stations_ = std::max(1u, stations.vms());
  return trace;
}

Time PcapTrace::period() const {
  const Time span = records_.back().at;
  const auto gaps = std::max<std::size_t>(1, records_.size() - 1);
  const Time mean = Time::from_value(span.value() / gaps);
  return span + std::max(mean, Time(1, sc_core::SC_US));  // a capture of one instant must not loop for ever
}

bool PcapTrace::carries(bool from_vm) const {
  return std::any_of(records_.begin(), records_.end(),
                     [&](const TraceRecord& r) { return r.from_vm == from_vm; });
}

}  // namespace iov::workload
