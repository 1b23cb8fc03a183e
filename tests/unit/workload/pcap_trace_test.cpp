// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "models/workload/packet_plan.h"
#include "models/workload/pcap_trace.h"

using namespace iov;
using namespace iov::workload;
using namespace iov::literals;

namespace {
using Packet = std::vector<std::uint8_t>;

void put(std::string& out, std::uint32_t v) { out.append(reinterpret_cast<const char*>(&v), 4); }

/// A capture file in the temporary folder, gone with the object.
class Capture {
 public:
  Capture(const std::string& name, std::uint32_t link_type)
      : path_(std::filesystem::temp_directory_path() / (std::to_string(getpid()) + name)) {
    put(bytes_, 0xa1b2c3d4), put(bytes_, 2 | 4 << 16), put(bytes_, 0), put(bytes_, 0);
    put(bytes_, 96), put(bytes_, link_type);
  }
  ~Capture() { std::remove(path_.c_str()); }
  void add(std::uint32_t us, const Packet& captured, std::uint32_t length) {
    put(bytes_, us / 1000000), put(bytes_, us % 1000000);
    put(bytes_, static_cast<std::uint32_t>(captured.size())), put(bytes_, length);
    bytes_.append(captured.begin(), captured.end());
  }
  const std::string& write(std::size_t leave_off = 0) {
    std::ofstream(path_, std::ios::binary) << bytes_.substr(0, bytes_.size() - leave_off);
    return path_;
  }
  std::string bytes_;

 private:
  std::string path_;
};

Packet ethernet(std::uint8_t destination, std::uint8_t source) {
  Packet p(60);
  p[0] = destination == 0xff ? 0xff : 2, p[5] = destination, p[6] = 2, p[11] = source, p[12] = 0x88,
  p[13] = 0xb5;
  return p;
}
Packet ipv4(std::uint8_t source, std::uint8_t destination, std::uint16_t source_port,
            std::uint16_t destination_port) {
  Packet p(24);
  p[0] = 0x45, p[9] = 6, p[12] = p[16] = 127, p[15] = source, p[19] = destination;
  p[20] = static_cast<std::uint8_t>(source_port >> 8), p[21] = static_cast<std::uint8_t>(source_port);
  p[22] = static_cast<std::uint8_t>(destination_port >> 8),
  p[23] = static_cast<std::uint8_t>(destination_port);
  return p;
}
std::string error_of(const std::string& file) {
  try {
    PcapTrace::read(file);
  } catch (const TraceError& e) {
    return e.what();
  }
  return "no error";
}
}  // namespace

TEST_CASE("MAC addresses become VMs and peer in order of appearance") {
  Capture capture("mac.pcap", 1);
  capture.add(100, ethernet(10, 1), 74);     // first spoken to: VM 0
  capture.add(110, ethernet(1, 10), 1514);   // its answer
  capture.add(115, ethernet(11, 1), 60);     // VM 1
  capture.add(120, ethernet(10, 2), 60);     // another client
  capture.add(130, ethernet(1, 2), 60);      // among the clients: not ours
  capture.add(140, ethernet(0xff, 11), 60);  // a VM's broadcast
  const PcapTrace trace = PcapTrace::read(capture.write());
  REQUIRE(trace.records().size() == 5);
  CHECK(trace.stations() == 2);
  CHECK(trace.unmapped() == 1);
  const auto& r = trace.records();
  CHECK((r[0].station == 0 && !r[0].from_vm && r[0].bytes == 74 && r[0].at == 0_ns));
  CHECK((r[1].station == 0 && r[1].from_vm && r[1].bytes == 1514 && r[1].at == 10_us));
  CHECK((r[2].station == 1 && !r[2].from_vm));
  CHECK((r[3].station == 0 && !r[3].from_vm));
  CHECK((r[4].station == 1 && r[4].from_vm && r[4].at == 40_us));
  CHECK(trace.period() == 50_us);
}

TEST_CASE("a loopback capture without MACs is told apart by IP address, between equal ones by port") {
  Capture capture("ip.pcap", 101);  // RAW
  capture.add(0, ipv4(1, 2, 40000, 80), 52);
  capture.add(1, ipv4(2, 1, 80, 40000), 1500);
  capture.add(2, ipv4(1, 1, 40001, 6379), 52);
  capture.add(3, ipv4(1, 1, 6379, 40001), 52);
  capture.add(4, ipv4(1, 1, 40002, 6379), 52);
  const PcapTrace trace = PcapTrace::read(capture.write());
  REQUIRE(trace.records().size() == 5);
  CHECK(trace.stations() == 2);
  const auto& r = trace.records();
  CHECK((!r[0].from_vm && r[0].station == 0 && r[0].bytes == 66));
  CHECK((r[1].from_vm && r[1].station == 0 && r[1].bytes == 1514));
  CHECK((!r[2].from_vm && r[2].station == 1));
  CHECK((r[3].from_vm && r[3].station == 1));
  CHECK((!r[4].from_vm && r[4].station == 1));
}

TEST_CASE("cooked and null link layers count as Ethernet frames of the same network packet") {
  Packet cooked(16);
  cooked[14] = 0x08;
  const Packet ip = ipv4(1, 2, 1, 2);
  cooked.insert(cooked.end(), ip.begin(), ip.end());
  Capture sll("sll.pcap", 113);
  sll.add(0, cooked, 116);
  CHECK(PcapTrace::read(sll.write()).records().at(0).bytes == 114);
  Packet null_header{2, 0, 0, 0};
  null_header.insert(null_header.end(), ip.begin(), ip.end());
  Capture null_link("null.pcap", 0);
  null_link.add(0, null_header, 104);
  CHECK(PcapTrace::read(null_link.write()).records().at(0).bytes == 114);
}

TEST_CASE("a frame larger than the MTU is cut, as the wire would have seen it") {
  Capture capture("big.pcap", 1);
  capture.add(0, ethernet(10, 1), 14 + 1500 + 1500 + 20);
  const PcapTrace trace = PcapTrace::read(capture.write());
  REQUIRE(trace.records().size() == 3);
  CHECK(trace.records()[0].bytes == 1514);
  CHECK(trace.records()[1].bytes == 1514);
  CHECK(trace.records()[2].bytes == 60);
}

TEST_CASE("bad captures say which file and where") {
  CHECK(error_of("/nonexistent/x.pcap").find("/nonexistent/x.pcap: No such file or directory") == 0);
  Capture empty("empty.pcap", 1);
  CHECK(error_of(empty.write()).find("empty.pcap: holds no packets") != std::string::npos);
  Capture cut("cut.pcap", 1);
  cut.add(0, ethernet(10, 1), 60), cut.add(1, ethernet(1, 10), 60);
  CHECK(error_of(cut.write(10)).find("cut.pcap: damaged after packet 1: truncated dump file") !=
        std::string::npos);
  Capture short_header("short.pcap", 1);
  CHECK(
      error_of(short_header.write(4)).find("short.pcap: cannot be read as a capture: truncated dump file") !=
      std::string::npos);
  Capture text("text.pcap", 1);
  text.bytes_ = "this is not a capture, it is a text file";
  CHECK(error_of(text.write()).find("text.pcap: cannot be read as a capture: unknown file format") !=
        std::string::npos);
  Capture usb("usb.pcap", 189);
  CHECK(error_of(usb.write())
            .find("usb.pcap: link type 189 (USB_LINUX) is not supported; supported are EN10MB") !=
        std::string::npos);
  Capture faceless("arp.pcap", 1);
  faceless.add(0, Packet(60), 60);
  CHECK(error_of(faceless.write()).find("none of its 1 packets has addresses") != std::string::npos);
}

TEST_CASE("the shipped capture is what its README says") {
  const PcapTrace trace = PcapTrace::read(IOVSIM_SOURCE_DIR "/experiments/traces/redis_nginx.pcap");
  std::size_t from_vm = 0;
  std::uint64_t bytes = 0;
  for (const TraceRecord& r : trace.records()) {
    from_vm += r.from_vm;
    bytes += r.bytes;
    REQUIRE(r.bytes >= 60);
    REQUIRE(r.bytes <= 1514);
  }
  CHECK(trace.records().size() == 3898);
  CHECK(from_vm == 2171);
  CHECK(bytes == 2548939);
  CHECK(trace.stations() == 2);
  CHECK(trace.unmapped() == 0);
}

TEST_CASE("replay keeps the capture's gaps, scaled, and begins again after its period") {
  Capture capture("replay.pcap", 1);
  capture.add(0, ethernet(10, 1), 100), capture.add(10, ethernet(1, 10), 200),
      capture.add(40, ethernet(10, 1), 300);
  const PcapTrace trace = PcapTrace::read(capture.write());  // period: 40 us and a mean gap of 20
  Params params;
  params.arrivals = Arrivals::trace, params.sizes = Sizes::trace, params.time_scale = 2;
  PacketPlan plan(params, &trace, false, SizeSequence(params, &trace, false), {0}, 1, Random(1, "t"), 1_us);
  const std::vector<std::pair<Time, std::uint32_t>> expected{
      {1_us, 100}, {81_us, 300}, {121_us, 100}, {201_us, 300}};
  for (const auto& [due, bytes] : expected) {
    CHECK(plan.peek().due == due);
    CHECK(plan.peek().bytes == bytes);
    plan.pop();
  }
  params.trace_loop = false;
  PacketPlan once(params, &trace, true, SizeSequence(params, &trace, true), {0}, 1, Random(1, "t"), 1_us);
  CHECK(once.peek().due == 21_us);
  once.pop();
  CHECK(once.peek().due == sc_core::sc_max_time());
}

TEST_CASE("with more VMs than stations each VM replays a station, with fewer the stations share VMs") {
  Capture capture("vms.pcap", 1);
  capture.add(0, ethernet(10, 1), 100), capture.add(10, ethernet(11, 1), 200);
  const PcapTrace trace = PcapTrace::read(capture.write());
  Params params;
  params.arrivals = Arrivals::trace, params.sizes = Sizes::trace, params.trace_loop = false;
  const SizeSequence sizes(params, &trace, false);
  PacketPlan three(params, &trace, false, sizes, {0, 1, 2}, 3, Random(1, "t"), {});
  std::vector<unsigned> vms;
  for (; three.peek().due < sc_core::sc_max_time(); three.pop()) vms.push_back(three.peek().vm);
  CHECK(vms == std::vector<unsigned>{0, 2, 1});
  PacketPlan one(params, &trace, false, sizes, {0}, 1, Random(1, "t"), {});
  CHECK((one.peek().vm == 0 && one.peek().bytes == 100));
  one.pop();
  CHECK((one.peek().vm == 0 && one.peek().bytes == 200));
}

TEST_CASE("a VM whose station never sends has nothing to replay") {
  Capture capture("silent.pcap", 1);
  capture.add(0, ethernet(10, 1), 100), capture.add(10, ethernet(11, 1), 200),
      capture.add(20, ethernet(1, 10), 90);
  const PcapTrace trace = PcapTrace::read(capture.write());
  Params params;
  params.arrivals = Arrivals::trace, params.sizes = Sizes::trace;
  PacketPlan silent(params, &trace, true, SizeSequence(params, &trace, true), {1}, 2, Random(1, "t"), {});
  CHECK(silent.peek().due == sc_core::sc_max_time());
}

TEST_CASE("a packet longer than any real one is refused, not cut into millions of frames") {
  Capture capture("long.pcap", 1);
  capture.add(0, ethernet(10, 1), 524380);
  capture.add(1, ethernet(10, 1), 524381);
  const std::string file = capture.write();
  CHECK(error_of(file) == file + ": packet 2 claims a length of 524381 B, more than any real one");
}
