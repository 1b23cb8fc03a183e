// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/vf_routing.h"

#include <catch2/catch.hpp>
#include <vector>

#include "tests/unit/protocol/config_samples.h"
using namespace iov;
using namespace iov::config;

TEST_CASE("the 82576's VFs: 01:10.0 and on with ARI, 02:10.0 and on without", "[B13]") {
  const RequesterId pf0{0x0100}, pf1{0x0101};
  CHECK(vf_requester_id(pf0, {0x80, 2}, 1) == RequesterId{0x0180});
  CHECK(vf_requester_id(pf1, {0x80, 2}, 8) == RequesterId{0x018f});
  CHECK(vf_requester_id(pf0, {0x180, 2}, 1) == RequesterId{0x0280});
  CHECK(buses_used(pf0, {0x80, 2}, 8).count() == 1);
  CHECK(buses_used(pf0, {0x180, 2}, 8).count() == 2);
  CHECK(vf_requester_id(pf0, {0x80, 2}, 0) == std::nullopt);
}

TEST_CASE("requester IDs of up to 64 000 VFs are unique, invertible and use the bus numbers said", "[B13]") {
  for (const VfRouting r : {VfRouting{1, 1}, VfRouting{8, 1}, VfRouting{0x80, 2}, VfRouting{0x100, 3}}) {
    for (const unsigned pf_value : {0x0100u, 0x0103u, 0x2000u}) {
      const RequesterId pf{static_cast<std::uint16_t>(pf_value)};
      const unsigned fit = vfs_with_ids(pf, r, 64000);
      REQUIRE(fit > 0);
      std::vector<bool> seen(requester_ids);
      unsigned last_bus = 0;
      for (unsigned n = 1; n <= fit; ++n) {
        const auto id = vf_requester_id(pf, r, n);
        if (!id || id->value <= pf_value || seen[id->value] || vf_with_id(pf, r, fit, *id) != n) {
          FAIL("VF " << n << " of PF " << pf_value << " offset " << r.offset << " stride " << r.stride);
        }
        seen[id->value] = true;
        last_bus = id->bus();
      }
      CHECK(buses_used(pf, r, fit).last == last_bus);
      if (fit < 64000) CHECK_FALSE(vf_requester_id(pf, r, fit + 1));
      for (unsigned id = 0; id < requester_ids; ++id)  // no other ID is a VF
        if (!seen[id] && vf_with_id(pf, r, fit, RequesterId{static_cast<std::uint16_t>(id)}))
          FAIL("ID " << id);
    }
  }
}

TEST_CASE("64 000 VFs take 251 bus numbers, from bus 6 on they no longer fit", "[B13]") {
  const VfRouting next{1, 1};
  CHECK(buses_used(RequesterId{0x0100}, next, 64000).first == 1);
  CHECK(buses_used(RequesterId{0x0100}, next, 64000).last == 251);
  CHECK(buses_used(RequesterId{0x0100}, next, 64000).count() == 251);
  CHECK(vfs_with_ids(RequesterId{0x0500}, next, 64000) == 64000);
  CHECK(vfs_with_ids(RequesterId{0x0600}, next, 64000) == 63999);
  CHECK(vfs_with_ids(RequesterId{0xffff}, next, 64000) == 0);
  CHECK(vfs_with_ids(RequesterId{0x0100}, {8, 0}, 1) == 1);
}

TEST_CASE("a set-up that cannot work is refused with the reason", "[B13]") {
  SriovCapability s;
  s.total_vfs = 64000;
  const RequesterId pf{0x0100};
  const auto why = [&](VfRouting r, unsigned n, unsigned last_bus, bool ari) -> std::string {
    const char* reason = refusal(pf, s, r, n, last_bus, ari);
    return reason == nullptr ? "" : reason;
  };
  CHECK(why({1, 1}, 64000, 255, true).empty());
  CHECK(why({1, 1}, 64000, 251, true).empty());
  CHECK(why({1, 1}, 64000, 250, true).find("bus numbers") != std::string::npos);
  CHECK(why({1, 1}, 64001, 255, true).find("TotalVFs") != std::string::npos);
  CHECK(why({0x700, 1}, 64000, 255, true).find("requester ID space") != std::string::npos);
  CHECK(why({1, 1}, 8, 255, false).find("ARI") != std::string::npos);
  CHECK(why({1, 1}, 7, 255, false).empty());
  CHECK(why({0x180, 2}, 8, 255, false).empty());  // on the next bus any function number is reachable
  CHECK(why({1, 1}, 0, 1, false).empty());
}

TEST_CASE("VFs of several PFs interleave without sharing an ID") {
  std::vector<bool> seen(requester_ids);
  for (unsigned pf = 0; pf < 8; ++pf)
    for (unsigned n = 1; n <= 64; ++n) {
      const auto id =
          vf_requester_id(RequesterId{static_cast<std::uint16_t>(0x0100 + pf)}, interleaved(8, 8), n);
      REQUIRE(id);
      REQUIRE(id->value >= 0x0108);
      REQUIRE_FALSE(seen[id->value]);
      seen[id->value] = true;
    }
}

TEST_CASE("VF apertures: at least a System Page, one after the other") {
  CHECK(vf_aperture(0x4000, 1) == 0x4000);
  CHECK(vf_aperture(0x1000, 0x10) == 0x10000);
  CHECK(vf_aperture(0, 0x10) == 0);
  CHECK(vf_bar_address(0x1'0000'0000, 0x10000, 1) == 0x1'0000'0000);
  CHECK(vf_bar_address(0x1'0000'0000, 0x10000, 64000) == 0x1'0000'0000 + 63999ull * 0x10000);
}
