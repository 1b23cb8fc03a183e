// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "models/pcie/completions.h"
#include "models/pcie/credits.h"
#include "models/pcie/routes.h"
using namespace iov;
using namespace iov::pcie;

TEST_CASE("ring: keeps its order while it wraps and grows") {
  Ring<int> ring(2);
  int next = 0, expected = 0;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 3; ++i) ring.push(next++);
    for (int i = 0; i < 2; ++i) {
      CHECK(ring.front() == expected++);
      ring.pop();
    }
  }
  REQUIRE(ring.size() == 100);
  for (std::size_t i = 0; i < 100; ++i) CHECK(ring[i] == expected + static_cast<int>(i));
}

TEST_CASE("credits: headers and data are both needed, returns count from their time on") {
  Credits credits;
  credits.advertise(2, 8);
  CHECK(credits.afford(8, 0_ns));
  CHECK_FALSE(credits.afford(9, 0_ns));
  credits.consume(4);
  credits.consume(4);
  CHECK_FALSE(credits.afford(0, 0_ns));
  credits.give_back(4, 10_ns, 0_ns);
  CHECK_FALSE(credits.afford(4, 10_ns - 1_ps));
  CHECK(credits.home_headers() == 1);
  CHECK(credits.afford(4, 10_ns));
  CHECK_FALSE(credits.afford(5, 10_ns));
  CHECK(credits.home_data() == 4);
}

TEST_CASE("credits: what is advertised as 0 is infinite") {
  Credits credits;
  credits.advertise(0, 0);
  CHECK_FALSE(credits.finite());
  CHECK(credits.afford(1'000'000, 0_ns));
  Credits headers_only;
  headers_only.advertise(1, 0);
  CHECK(headers_only.afford(1'000'000, 0_ns));
  headers_only.consume(1'000'000);
  CHECK_FALSE(headers_only.afford(0, 0_ns));
}

TEST_CASE("credits: what has come back counts only when it is needed, and is then there at once") {
  Credits credits;
  credits.advertise(4, 8);
  for (int i = 0; i < 3; ++i) credits.consume(2), credits.give_back(2, 10_ns * (i + 1.0), 0_ns);
  CHECK(credits.afford(2, 25_ns));  // one header and two units were never used
  CHECK(credits.home_headers() == 4);
  credits.consume(2);
  CHECK_FALSE(credits.afford(5, 25_ns));  // two of three are back
  CHECK(credits.afford(4, 25_ns));
  CHECK_FALSE(credits.afford(6, 30_ns - 1_ps));
  CHECK(credits.afford(6, 30_ns));
  CHECK_FALSE(credits.returning());
}

TEST_CASE("credits: what is given back late counts at once, but not before what was given back earlier") {
  Credits credits;
  credits.advertise(2, 8);
  credits.consume(4), credits.consume(4);
  credits.give_back(4, 10_ns, 10_ns);
  CHECK_FALSE(credits.returning());
  CHECK(credits.enough(4));
  credits.consume(4);
  credits.give_back(4, 20_ns, 15_ns);
  credits.give_back(4, 20_ns, 20_ns);
  CHECK_FALSE(credits.enough(0));
  CHECK(credits.home_headers() == 2);
  CHECK(credits.home_data() == 8);
  CHECK(credits.afford(8, 20_ns, 2));
}

TEST_CASE("credits: a data unit is 16 bytes, begun ones count") {
  CHECK(data_units(0) == 0);
  CHECK(data_units(4) == 1);
  CHECK(data_units(16) == 1);
  CHECK(data_units(20) == 2);
  CHECK(data_units(256) == 16);
}

TEST_CASE("completions: an unaligned start is brought to the boundary, the rest is cut by the chunk") {
  CHECK(next_completion(0x1000, 64, 256, 64) == 64);
  CHECK(next_completion(0x1004, 512, 256, 64) == 60);
  CHECK(next_completion(0x1040, 452, 256, 64) == 256);
  CHECK(next_completion(0x1004, 16, 256, 64) == 16);
  CHECK(next_completion(0x1070, 512, 256, 128) == 16);
  CHECK(next_completion(0x1000, 512, 64, 64) == 64);
}

TEST_CASE("completions: a request touches the lines from its first to its last byte") {
  CHECK(lines_of(0x1000, 64) == 1);
  CHECK(lines_of(0x103f, 2) == 2);
  CHECK(lines_of(0x1020, 64) == 2);
  CHECK(lines_of(0x1000, 512) == 8);
}

TEST_CASE("translation entry: rights, flags and the size code of PCIe 10.2.3") {
  TranslationReply reply;
  reply.address = Hpa(0x1'2345'6000);
  CHECK(translation_entry(reply) == (0x1'2345'6000 | 3));
  reply.writable = false;
  reply.global = reply.untranslated_only = true;
  reply.snooped = true;
  CHECK(translation_entry(reply) == (0x1'2345'6000 | 1 | 1 << 2 | 1 << 5 | 1 << 10));
  TranslationReply large;
  large.log2_page = 21;  // bits 19:12 set, bit 20 clear
  large.address = Hpa(0x4030'1000);
  CHECK(translation_entry(large) == (0x4020'0000 | 0xf'f000 | 1 << 11 | 3));
  large.log2_page = 13;  // 8 KiB: bit 12 clear
  large.address = Hpa(0x4030'3000);
  CHECK(translation_entry(large) == (0x4030'2000 | 1 << 11 | 3));
  large.outcome = TranslationReply::Outcome::not_present;
  CHECK(translation_entry(large) == 0);
}

namespace {
void write_window(Bridge& bridge, const config::BridgeWindow& window) {
  bridge.write(PCI_PREF_MEMORY_BASE, 4, window.base_limit());
  bridge.write(PCI_PREF_BASE_UPPER32, 4, window.base_upper());
  bridge.write(PCI_PREF_LIMIT_UPPER32, 4, window.limit_upper());
  bridge.write(PCI_MEMORY_BASE, 4, config::BridgeWindow{}.base_limit());
}
}  // namespace

TEST_CASE("routes: first and last byte and ID behind a bridge belong to it, neighbours do not", "[C7]") {
  constexpr std::uint64_t mib = 1u << 20, high = 0x400'0000'0000;
  Bridge near(root_port({}, 1), RequesterId{0x08}), far(root_port({}, 2), RequesterId{0x10});
  Routes routes;
  const auto reroute = [&] { routes.clear(), routes.add(near, 1), routes.add(far, 2); };
  write_window(near, {high, high + mib - 1});
  write_window(far, {high + 4 * mib, high + 6 * mib - 1});
  near.write(PCI_PRIMARY_BUS, 4, 0x01'01'00);
  far.write(PCI_PRIMARY_BUS, 4, 0xff'02'00);
  reroute();
  CHECK(routes.port_of(Hpa(high)) == Routes::nowhere);  // Memory Space Enable is 0
  CHECK(Bridge::reroutes(near.write(PCI_COMMAND, 2, PCI_COMMAND_MEMORY)));
  far.write(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
  reroute();
  CHECK(routes.port_of(Hpa(high - 1)) == Routes::nowhere);
  CHECK(routes.port_of(Hpa(high)) == 1);
  CHECK(routes.port_of(Hpa(high + mib - 1)) == 1);
  CHECK(routes.port_of(Hpa(high + mib)) == Routes::nowhere);
  CHECK(routes.port_of(Hpa(high + 4 * mib)) == 2);
  CHECK(routes.port_of(Hpa(high + 6 * mib - 1)) == 2);
  CHECK(routes.port_of(Hpa(high + 6 * mib)) == Routes::nowhere);
  CHECK(routes.port_of(RequesterId{0x0ff}) == Routes::nowhere);
  CHECK(routes.port_of(RequesterId{0x1ff}) == 1);
  CHECK(routes.port_of(RequesterId{0x200}) == 2);
  CHECK(routes.port_of(RequesterId{0xffff}) == 2);
  near.write(PCI_SECONDARY_BUS, 1, 0);  // no bus behind it
  reroute();
  CHECK(routes.port_of(RequesterId{0x1ff}) == Routes::nowhere);
}
