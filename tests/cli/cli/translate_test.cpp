// SPDX-License-Identifier: Apache-2.0
// iovsim translate on platforms and on dumps, with the real program.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/cli/cli/shell.h"

namespace {

Outcome translate(const Place& place, const std::string& arguments) {
  return place.shell("IOVSIM_HOME='" IOVSIM_SOURCE_DIR "' '" IOVSIM_BINARY "' translate " + arguments);
}
const std::string server = "'" IOVSIM_SOURCE_DIR "/platforms/server_10g.json' ";

/// Function 01:00.0, domain 1, three levels, a 2 MiB page that can be read; interrupt entries 3 (remapped) and 4 (posted).
void write_dump(const Place& place, const std::string& requests, const std::string& more = "") {
  place.write("dump.json", R"({"registers": {"rtaddr": "0x1000", "irta": "0x8005"}, "memory": [
    {"address": "0x1010", "bytes": "0120000000000000"},
    {"address": "0x2000", "bytes": "05300000000000000101000000000000"},
    {"address": "0x3000", "bytes": "0340000000000000"},
    {"address": "0x4008", "bytes": "8100004000000000"},
    {"address": "0x8030", "bytes": "01004400000700000001040000000000"},
    {"address": "0x8040", "file": "posted.bin"}], )" + more + R"("requests": )" + requests + "}");
  const unsigned char posted[] = {0x01, 0x80, 0x55, 0x00, 0x00, 0x90, 0x00, 0x00, 0x00, 0x01, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00};
  place.write("posted.bin", std::string(reinterpret_cast<const char*>(posted), sizeof posted));
}

nlohmann::json line(const std::string& text, unsigned number) {
  std::istringstream in(text);
  std::string found;
  for (unsigned i = 0; i <= number; ++i) std::getline(in, found);
  return nlohmann::json::parse(found);
}

}  // namespace

TEST_CASE("a platform's tables are shown level by level, then the outcome") {
  const Place place;
  const Outcome seen = translate(place, server + "--requester 01:10.0 --address 0x1234 --write");
  INFO(seen.out << seen.err);
  REQUIRE(seen.code == 0);
  CHECK_THAT(seen.out, Catch::Contains("root entry at 0x") && Catch::Contains("context entry at 0x") &&
                           Catch::Contains("second-stage entry, level 4 at 0x") && Catch::Contains("second-stage entry, level 2 at 0x"));
  CHECK_THAT(seen.out, Catch::Contains("TT=with_ats") && Catch::Contains("levels=4"));
  CHECK_THAT(seen.out, Catch::Contains("ok  hpa=0x40001234  page_bytes=2097152  perms=rw"));
}

TEST_CASE("a platform's fault is named with its code") {
  const Place place;
  const Outcome seen = translate(place, server + "--requester 01:10.0 --address 0x4000000000");
  REQUIRE(seen.code == 0);
  CHECK_THAT(seen.out, Catch::Contains("fault  reason=6  name=read_denied  recorded=true"));
}

TEST_CASE("what --set changes is asked, and --json gives one object with the same entries") {
  const Place place;
  const Outcome seen = translate(place, server + "--set vm0.iommu_log2_page=12 --requester 0x180 --address 0x1234 --json");
  REQUIRE(seen.code == 0);
  const auto answer = nlohmann::json::parse(seen.out);
  CHECK(answer["result"] == "ok");
  CHECK(answer["page_bytes"] == 4096);
  CHECK(answer["reads"].size() == 6);
  CHECK(answer["reads"][0]["table"] == "root entry");
  CHECK(answer["reads"][0]["raw"].size() == 2);
}

TEST_CASE("an interrupt message of a platform's VF is posted, the same message of another function is refused") {
  const Place place;
  const Outcome own = translate(place, server + "--requester 01:10.0 --msi 0xfee00050 0");
  REQUIRE(own.code == 0);
  CHECK_THAT(own.out, Catch::Contains("interrupt remapping entry at") && Catch::Contains("posted-interrupt descriptor at") &&
                          Catch::Contains("posted  remapped=true  index=2"));
  const Outcome rogue = translate(place, server + "--requester 01:10.2 --msi 0xfee00050 0");
  CHECK_THAT(rogue.out, Catch::Contains("fault  reason=38  name=source_mismatch"));
}

TEST_CASE("buffers mapped for a packet are there after their driver has run") {
  const Place place;
  const std::string native = server + "--set vm0.path=native --set vm0.native_iommu=translate --set vm0.iommu_mapping=strict "
                                      "--requester 01:00.0 --address 0xfed00000 --write ";
  CHECK_THAT(translate(place, native).out, Catch::Contains("fault  reason=5"));
  CHECK_THAT(translate(place, native + "--after '200 us'").out, Catch::Contains("ok  hpa="));
}

TEST_CASE("a dump's requests are answered one object per line, in order") {
  const Place place;
  write_dump(place, R"([
    {"rid": "01:00.0", "address": "0x234567", "access": "r"},
    {"rid": "01:00.0", "address": "0x234567", "access": "w"},
    {"rid": 256, "address": "0x234000", "at": "request"},
    {"rid": "01:00.0", "address": "0x500000", "at": "request"},
    {"rid": "02:00.0", "address": 4096},
    {"rid": "01:00.0", "address": "0x234567", "at": "translated"},
    {"rid": "01:00.0", "address": "0xfee00070", "data": 0},
    {"rid": "01:00.0", "address": "0xfee00090", "data": "0x0"},
    {"rid": "01:00.0", "address": "0xfee00000", "data": 65},
    {"rid": "01:00.0", "pasid": 7, "address": "0x234567"}])");
  const Outcome seen = translate(place, "dump.json");
  INFO(seen.err);
  REQUIRE(seen.code == 0);
  CHECK(line(seen.out, 0) == nlohmann::json::parse(R"({"result":"ok","hpa":"0x40034567","page_bytes":2097152,"perms":"r"})"));
  CHECK(line(seen.out, 1) == nlohmann::json::parse(R"({"result":"fault","reason":5,"name":"write_denied","recorded":true})"));
  CHECK(line(seen.out, 2)["completion"] == "0x400ff801");
  CHECK(line(seen.out, 3)["result"] == "not_present");
  CHECK(line(seen.out, 4)["name"] == "root_not_present");
  CHECK(line(seen.out, 5)["hpa"] == "0x234567");
  CHECK(line(seen.out, 6)["result"] == "delivered");
  CHECK(line(seen.out, 6)["vector"] == 0x44);
  CHECK(line(seen.out, 6)["destination"] == 7);
  CHECK(line(seen.out, 7)["result"] == "posted");
  CHECK(line(seen.out, 7)["descriptor"] == "0x9000");
  CHECK(line(seen.out, 8)["name"] == "compatibility_blocked");
  CHECK(line(seen.out, 9)["name"] == "pasid_in_legacy");
}

TEST_CASE("a question about a dump is explained entry by entry") {
  const Place place;
  write_dump(place, "[]");
  const Outcome seen = translate(place, "dump.json --requester 01:00.0 --address 0x234567");
  REQUIRE(seen.code == 0);
  CHECK(seen.out ==
        "root entry at 0x1010: 0x2001 0x0\n    P=1 context_table=0x2000\n"
        "context entry at 0x2000: 0x3005 0x101\n    P=1 FPD=0 TT=with_ats second_stage_table=0x3000 levels=3 domain=1\n"
        "second-stage entry, level 3 at 0x3000: 0x4003\n    R=1 W=1 X=0 PS=0 A=0 D=0 SNP=0 TM=0 next_table=0x4000\n"
        "second-stage entry, level 2 at 0x4008: 0x40000081\n    R=1 W=0 X=0 PS=1 A=0 D=0 SNP=0 TM=0 page=0x40000000\n"
        "ok  hpa=0x40034567  page_bytes=2097152  perms=r\n");
}

TEST_CASE("registers and features of a dump decide: translation off, mode, levels") {
  const Place place;
  place.write("off.json", R"({"registers": {"rtaddr": 0, "translation": false}, "requests": [{"rid": 1, "address": 4096}]})");
  CHECK(line(translate(place, "off.json").out, 0)["hpa"] == "0x1000");
  place.write("abort.json", R"({"registers": {"rtaddr": 0, "mode": "abort"}, "requests": [{"rid": 1, "address": 4096}]})");
  CHECK(line(translate(place, "abort.json").out, 0)["name"] == "abort_mode");
  write_dump(place, R"([{"rid": "01:00.0", "address": "0x234567"}])", R"("features": {"page_2m": false}, )");
  CHECK(line(translate(place, "dump.json").out, 0)["name"] == "entry_reserved");
}

TEST_CASE("what is wrong with a dump is named with its place, all at once") {
  const Place place;
  place.write("dump.json", R"({"registers": {"irta": "zero", "rtadr": 1}, "colour": 1, "features": {"max_levels": 9},
    "memory": [{"address": "0x0"}, {"address": "0x0", "bytes": "abc"}, {"address": "0x0", "file": "none.bin"}],
    "requests": [{"rid": "01:40.0", "address": "0x1"}, {"rid": 0, "address": "0x1", "access": "q"}, {"rid": 0}, {"rid": 0, "address": "0x1", "pasid": "0x100000"}, 5]})");
  const Outcome seen = translate(place, "dump.json");
  CHECK(seen.code == 2);
  CHECK(seen.out.empty());
  for (const char* part : {"unknown key \"colour\"", "registers.rtadr: unknown key", "features.max_levels: 9 is out of range 3 .. 5",
                           "memory[0]: needs \"bytes\" or \"file\"", "memory[1].bytes: must be hexadecimal", "none.bin: no such file",
                           "requests[0].rid: \"01:40.0\" is not a requester", "requests[1].access", "requests[2].address: is missing",
                           "requests[3].pasid: 0x100000 is larger than 1048575", "requests[4]: must be an object"}) {
    CAPTURE(part);
    CHECK_THAT(seen.err, Catch::Contains(part));
  }
}

TEST_CASE("a dump that contradicts itself, reaches beyond the host's width or asks nothing is refused") {
  const auto refused = [](const std::string& memory, const std::string& requests) {
    const Place place;
    place.write("dump.json", R"({"registers": {"rtaddr": "0x1000"}, "memory": [)" + memory + R"(], "requests": [)" + requests + "]}");
    const Outcome seen = translate(place, "dump.json");
    CHECK(seen.code == 2);
    CHECK(seen.out.empty());
    return seen.err;
  };
  const std::string some = R"({"rid": 0, "address": 0})", bytes = R"({"address": "0x1ffe", "bytes": "0102030405"})";
  CHECK(refused(bytes + R"(, {"address": "0x2000", "bytes": "0305"})", some) ==
        "dump.json: memory[1]: says of the byte at 0x2001 something else than an entry before it\n");
  CHECK(refused(R"({"address": "0xffffffffffffffff", "bytes": "0102"})", some) ==
        "dump.json: memory[0]: does not fit into 46 address bits (features.host_address_bits)\n");
  CHECK(refused(R"({"address": "0x3fffffffffff", "bytes": "0102"})", some) ==
        "dump.json: memory[0]: does not fit into 46 address bits (features.host_address_bits)\n");
  CHECK(refused(bytes, "") == "dump.json: requests: nothing is asked: give requests, or --requester and --address or --msi\n");
  CHECK(refused(bytes, R"({"rid": 0, "address": "0x1000", "data": 0})") ==
        "dump.json: requests[0].data: is for interrupt messages: their addresses are 0xfee00000 to 0xfeefffff\n");
  CHECK(refused(bytes, R"({"rid": 0, "address": "0xfee00000", "data": 0, "pasid": 1})") ==
        "dump.json: requests[0].pasid: is none of an interrupt message\n");
  std::string many;
  for (unsigned i = 0; i < 5000; ++i) many += (i ? "," : "") + std::string(R"({"rid": "x", "address": 0})");
  CHECK_THAT(refused(bytes, many), Catch::Contains("requests: of 5000 entries those from [20] on were not read"));
}

TEST_CASE("a dump may say the same of a byte twice") {
  const Place place;
  place.write("dump.json", R"({"registers": {"rtaddr": "0x1000"}, "memory": [{"address": "0x1000", "bytes": "0120"},
    {"address": "0x1000", "bytes": "01"}], "requests": [{"rid": 0, "address": 0}]})");
  const Outcome seen = translate(place, "dump.json");
  CHECK(seen.code == 0);
  CHECK(line(seen.out, 0)["name"] == "context_not_present");
}

TEST_CASE("what is wrong with a question is named by its option") {
  const Place place;
  const auto refused = [&](const std::string& arguments, const std::string& what) {
    const Outcome seen = translate(place, arguments);
    CAPTURE(arguments, seen.err);
    CHECK(seen.code == 2);
    CHECK(seen.out.empty());
    CHECK_THAT(seen.err, Catch::Contains(what));
  };
  refused(server, "is asked with --requester");
  refused(server + "--requester 1:2 --address 0", "--requester: \"1:2\" is not a requester");
  refused(server + "--requester 01:00.0", "a question needs --address or --msi");
  refused(server + "--requester 01:00.0 --address 0x", "--address: \"0x\" is not a number");
  refused(server + "--requester 01:00.0 --address 1 --msi 1 2", "one of them");
  refused(server + "--requester 01:00.0 --address 1 --at elsewhere", "--at: unknown address type");
  refused(server + "--requester 01:00.0 --address 1 --write --execute", "not both");
  refused(server + "--requester 01:00.0 --address 1 --pasid 0x100000", "--pasid");
  refused(server + "--requester 01:00.0 --address 1 --after soon", "--after");
  refused(server + "--requester 01:00.0 --address 1 --set vm0.pth=native", "vm0.pth");
  refused("none.json --requester 01:00.0 --address 1", "none.json: no such file");
  refused("'" IOVSIM_SOURCE_DIR "/platforms/server_gart.json' --requester 01:00.0 --address 1", "no module of kind \"iommu\"");
  refused("'" IOVSIM_SOURCE_DIR "/experiments/iotlb_reach.json' --requester 01:00.0 --address 1", "points; ask a platform");
}
