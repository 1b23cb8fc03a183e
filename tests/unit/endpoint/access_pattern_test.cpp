// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <fstream>
#include <set>

#include "models/endpoint/types/access_pattern.h"
#include "models/endpoint/types/address_trace.h"
using namespace iov;
using namespace iov::endpoint;

namespace {
AccessParams pattern(std::uint64_t bytes, std::uint64_t window, AddressOrder order, unsigned requesters = 1) {
  AccessParams p;
  p.transfer_size = {bytes}, p.window = {window}, p.order = order, p.requesters = requesters;
  return p;
}
std::vector<unsigned> functions(const AccessParams& p, int n) {
  AccessPattern accesses(p, 1, "test");
  std::vector<unsigned> all;
  while (n-- > 0) all.push_back(accesses.next().function);
  return all;
}
std::string reason(const std::string& line) {
  try {
    parse_access(line);
  } catch (const std::invalid_argument& wrong) {
    return wrong.what();
  }
  return "accepted";
}
struct TraceFile {
  explicit TraceFile(const std::string& text) { std::ofstream(path) << text; }
  ~TraceFile() { std::remove(path.c_str()); }
  std::string path = Catch::getResultCapture().getCurrentTestName().substr(0, 12) + ".csv";
};
std::string refusal(const std::string& file) {
  try {
    read_address_trace(file);
  } catch (const AddressTraceError& wrong) {
    return wrong.what();
  }
  return "accepted";
}
}  // namespace

TEST_CASE("units are whole cache lines: sequential transfers of 65 B are 128 B apart and start over at the window's end") {
  AccessPattern accesses(pattern(65, 300, AddressOrder::sequential), 1, "test");
  std::vector<std::uint64_t> at;
  for (int i = 0; i < 5; ++i) at.push_back(accesses.next().at);
  CHECK(at == std::vector<std::uint64_t>{0, 128, 0, 128, 0});  // a third unit would end at 321
}

TEST_CASE("offset and stride place a transfer in its unit") {
  AccessParams p = pattern(64, 8192, AddressOrder::sequential);
  p.offset = {8};
  CHECK(p.unit() == 128);
  p.stride = {4096};
  CHECK(p.units() == 2);
  AccessPattern accesses(p, 1, "test");
  CHECK(accesses.next().at == 8);
  CHECK(accesses.next().at == 4104);
  CHECK(accesses.next().at == 8);
}

TEST_CASE("random order reaches every unit of the window and nothing else") {
  AccessPattern accesses(pattern(64, 4096, AddressOrder::random), 1, "test");
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 2000; ++i) seen.insert(accesses.next().at);
  CHECK(seen.size() == 64);
  CHECK(*seen.rbegin() == 4032);
  CHECK(*std::next(seen.begin()) == 64);
}

TEST_CASE("requesters take turns, in bursts, or at random, as asked") {
  AccessParams p = pattern(64, 4096, AddressOrder::sequential, 3);
  CHECK(functions(p, 5) == std::vector<unsigned>{0, 1, 2, 0, 1});
  p.interleave = Interleave::burst, p.burst_length = 2;
  CHECK(functions(p, 7) == std::vector<unsigned>{0, 0, 1, 1, 2, 2, 0});
  p.interleave = Interleave::random;
  const auto random = functions(p, 300);
  for (unsigned f = 0; f < 3; ++f) CHECK(std::count(random.begin(), random.end(), f) > 60);
}

TEST_CASE("every requester walks its own window") {
  AccessPattern accesses(pattern(64, 4096, AddressOrder::sequential, 2), 1, "test");
  for (std::uint64_t at : {0, 0, 64, 64, 128}) CHECK(accesses.next().at == at);
}

TEST_CASE("a line of a trace gives time, requester, PASID, address, bytes and access") {
  const TracedAccess a = parse_access("12.5, 01:02.3, 0x7, 0x1000, 64, w");
  CHECK(a.at == Time(12.5, sc_core::SC_NS));
  CHECK(a.requester.value == 0x0113);
  CHECK(a.pasid.value == 7);
  CHECK(a.address.value == 0x1000);
  CHECK(a.bytes == 64);
  CHECK(a.write);
  CHECK_FALSE(parse_access("0,256,,4096,4,r").pasid.present());
}

TEST_CASE("what is wrong with a line of a trace is said") {
  CHECK(reason("1,2,3") == "3 columns instead of 6: time, requester ID, PASID, address, bytes, access");
  CHECK(reason("x,256,,0,4,r") == "time \"x\" is no number of ns between 0 and 1e12");
  CHECK(reason("-1,256,,0,4,r") == "time \"-1\" is no number of ns between 0 and 1e12");
  CHECK(reason("0,01:20.0,,0,4,r") == "requester ID \"01:20.0\" is neither bb:dd.f nor a number");
  CHECK(reason("0,65536,,0,4,r") == "requester ID 65536 is out of range 0 .. 65535");
  CHECK(reason("0,256,1048576,0,4,r") == "PASID 1048576 is out of range 0 .. 1048575");
  CHECK(reason("0,256,,zero,4,r") == "address \"zero\" is no number");
  CHECK(reason("0,256,,0,0,r") == "bytes 0 is out of range 1 .. 1048576");
  CHECK(reason("0,256,,0,4,x") == "access \"x\" is neither r nor w");
}

TEST_CASE("trace of good lines counts its times from the first access on") {
  const TraceFile file("# comment\ntime_ns,requester,pasid,address,bytes,access\n100,256,,0,4,r\n\n130,256,,64,4,w\n");
  const auto accesses = read_address_trace(file.path);
  REQUIRE(accesses.size() == 2);
  CHECK(accesses[0].at == Time());
  CHECK(accesses[1].at == 30_ns);
}

TEST_CASE("bad traces are refused with file, line and reason") {
  const TraceFile file("100,256,,0,4,r\n90,256,,0,4,r\n");
  CHECK(refusal(file.path) == file.path + ", line 2: time lies before that of the access above");
  CHECK(refusal("no_such_file.csv") == "no_such_file.csv: cannot be read");
}
TEST_CASE("empty traces are refused") {
  const TraceFile file("# nothing\n");
  CHECK(refusal(file.path) == file.path + ": holds no access");
}
