// SPDX-License-Identifier: Apache-2.0
#include "models/pcie/link.h"

#include <catch2/catch.hpp>
using namespace iov;
using namespace iov::pcie;

namespace {
double gbps(Bandwidth b) { return b.bytes_per_second * 8e-9; }
LinkParams link(unsigned generation, unsigned width, std::uint64_t mps) {
  LinkParams p;
  p.generation = generation;
  p.width = width;
  p.max_payload = Bytes{mps};
  return p;
}
struct Rules {
  std::vector<std::string> broken;
  template <class T, class R>
  void field(const char* key, T& value, const R& range, const char*, const char*) {
    if (!range.holds(value)) broken.push_back(key);
  }
  template <class G>
  void group(const char*, G& nested, const char*) {
    nested.describe(*this);
  }
  void require(bool holds, const std::string& message) {
    if (!holds) broken.push_back(message);
  }
};
}  // namespace

TEST_CASE("link: Gen3 x8 with MPS 256 has the raw and TLP bandwidth of the pcie-bench model") {
  // Source: pcie-bench model, Neugebauer et al., SIGCOMM 2018: 63.0154 and 57.8848 Gb/s.
  CHECK(gbps(raw_bandwidth(link(3, 8, 256))) == Approx(63.0154).epsilon(1e-5));
  CHECK(gbps(tlp_bandwidth(link(3, 8, 256))) == Approx(57.8848).epsilon(1e-5));
}

TEST_CASE("link: raw bandwidth follows generation and width") {
  CHECK(gbps(raw_bandwidth(link(1, 1, 128))) == Approx(2.0));
  CHECK(gbps(raw_bandwidth(link(2, 4, 128))) == Approx(16.0));
  CHECK(gbps(raw_bandwidth(link(4, 16, 128))) == Approx(16.0 * 16 * 128 / 130));
  CHECK(gbps(raw_bandwidth(link(5, 12, 128))) == Approx(32.0 * 12 * 128 / 130));
  CHECK(gbps(raw_bandwidth(link(6, 16, 256))) == Approx(64.0 * 16 * 236 / 256));
  CHECK(gbps(tlp_bandwidth(link(6, 16, 256))) == Approx(64.0 * 16 * 236 / 256));  // DLLPs ride in the flit
}

TEST_CASE("link: the Ack latency limit is that of the specification's tables") {
  // PCIe Base 5.0 tables 3-7 (2.5 GT/s), 3-8 (5 GT/s), 3-9 (8 GT/s and more), in symbol times.
  CHECK(ack_limit(link(1, 1, 128)) == 237);
  CHECK(ack_limit(link(1, 8, 256)) == 107);
  CHECK(ack_limit(link(1, 16, 4096)) == 534);
  CHECK(ack_limit(link(2, 4, 512)) == 205);
  CHECK(ack_limit(link(2, 32, 128)) == 84);
  CHECK(ack_limit(link(3, 8, 128)) == 163);
  CHECK(ack_limit(link(3, 8, 256)) == 203);
  CHECK(ack_limit(link(3, 16, 1024)) == 246);
  CHECK(ack_limit(link(4, 1, 2048)) == 2191);
  CHECK(ack_limit(link(5, 32, 4096)) == 372);
}

TEST_CASE("link: a TLP occupies the wire for header, payload and framing") {
  const LinkParams p = link(3, 8, 256);
  const WireTimes times(p);
  const double bytes_per_fs = tlp_bandwidth(p).bytes_per_second * 1e-15;
  CHECK(times.of(16).value() == static_cast<std::uint64_t>(std::llround((16 + 8) / bytes_per_fs)));
  CHECK(times.of(16 + 64).value() == static_cast<std::uint64_t>(std::llround((16 + 64 + 8) / bytes_per_fs)));
  CHECK(WireTimes(link(6, 8, 256)).framing() == 0);
}

TEST_CASE("link: fewer DLLPs leave more for TLPs") {
  LinkParams p = link(3, 8, 256);
  p.ack_rate = p.update_fc_rate = 0;
  CHECK(gbps(tlp_bandwidth(p)) == Approx(63.0154 * (1 - 4.0 / 1538)).epsilon(1e-5));
}

TEST_CASE("link: credits come back after the receiver's delay, the DLLP and the flight") {
  LinkParams p = link(3, 8, 256);
  p.propagation = 100_ns;
  // 115 symbol times of 1 ns, 8 B at 63.0154 Gb/s = 1.015625 ns, 100 ns.
  CHECK(dllp_latency(p) == Time(216015625, sc_core::SC_FS));
}

TEST_CASE("link: impossible parameters are named") {
  const auto broken = [](LinkParams p) {
    Rules rules;
    p.describe(rules);
    return rules.broken;
  };
  CHECK(broken(link(3, 8, 256)).empty());
  CHECK(broken(link(7, 8, 256)) == std::vector<std::string>{"generation"});
  CHECK(broken(link(3, 6, 256)) == std::vector<std::string>{"width must be 1, 2, 4, 8, 12, 16 or 32"});
  CHECK(broken(link(3, 8, 200)) == std::vector<std::string>{"max_payload must be a power of two"});
  LinkParams small = link(3, 8, 512);
  small.receive.posted_data = 31;
  CHECK(broken(small) == std::vector<std::string>{"receive.posted_data must hold one TLP of max_payload"});
}
