// SPDX-License-Identifier: Apache-2.0
// Which of a device's TLPs carry No Snoop: those of a device that asks for it, where Device Control enables it and neither
// translation nor kind of TLP forbids it.
#include "models/endpoint/types/dma_bench.h"
#include "tests/timed/endpoint/dma_bench.h"
#include "tests/timed/endpoint/enumerated.h"
namespace no_snoop_test {
using namespace iov;
using namespace iov::test;

namespace {
constexpr std::uint64_t snooped_page = 2;
endpoint::DmaEngine::Params asking() {
  endpoint::DmaEngine::Params p = test::DmaBench::quick();
  p.no_snoop = true;
  return p;
}
}  // namespace

TEST_CASE("a translation with N takes No Snoop from the accesses that use it, and from no other", "[E1]") {
  test::DmaBench b(asking(), test::DmaBench::ats());
  b.host.translations[1] = 0x41003, b.host.translations[snooped_page] = 0x42003 | 1 << 10;
  for (const std::uint64_t page : {std::uint64_t{1}, snooped_page}) {
    b.read(page * 4096, 64, 1), b.write(page * 4096 + 64, 64, 2);
    b.timeline.run(b.timeline.now() + 10_us);
  }
  unsigned seen = 0;
  for (const Sent& s : b.host.log) {
    if (s.at != AddressType::translated) continue;
    ++seen;
    CHECK(s.no_snoop == (s.address >> 12 == 0x41));
  }
  CHECK(seen == 4);
}

TEST_CASE("an interrupt message never carries No Snoop, nor does a device that does not ask for it", "[F1]") {
  test::DmaBench b(asking());
  endpoint::DmaRequest message;
  message.write = true, message.translate = false, message.address = 0xfee0'0000, message.length = 4;
  b.dma.submit(b.channel, std::move(message));
  b.write(0x1000, 64, 1);
  b.timeline.run(b.timeline.now() + 10_us);
  REQUIRE(b.host.log.size() == 2);
  CHECK_FALSE(b.host.log[0].no_snoop);
  CHECK(b.host.log[1].no_snoop);
}

TEST_CASE("Enable No Snoop in a PF's Device Control holds for it and its VFs", "[B18]") {
  struct Device : endpoint::DmaClient {
    Device() { enumerated.enable_vfs(1); }
    static endpoint::DmaBenchParams params() {
      endpoint::DmaBenchParams p;
      p.functions.vf_start_up = p.functions.reset_time = Time();
      p.dma_engine = asking();
      return p;
    }
    void dma_done(std::uint32_t, endpoint::DmaStatus, ByteBuffer&&) override {}
    bool says_no_snoop(unsigned f) {
      if (!channels.contains(f)) channels[f] = device.dma_engine().add_channel(device.requester(f), *this);
      for (const unsigned master : {0u, unsigned{PCI_COMMAND_MASTER}}) enumerated.write(f, PCI_COMMAND, 2, master);
      endpoint::DmaRequest r;
      r.address = 0x1000, r.length = 64;
      device.dma_engine().submit(channels[f], std::move(r));
      timeline.run(timeline.now() + 10_us);
      return host.log.back().no_snoop;
    }
    void device_control(unsigned value) {
      enumerated.write(0, enumerated.capability(0, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL, 2, value);
    }
    Timeline timeline{"timeline"};
    FakeHost host{timeline};
    endpoint::DmaBench device{"dma0", timeline, params(), host, 1};
    Enumerated enumerated{device, 0x4000'0000, 0x5000'0000};
    std::map<unsigned, unsigned> channels;
  } d;
  const unsigned vf = d.device.functions().number(0, 1);
  d.device_control(PCI_EXP_DEVCTL_NOSNOOP_EN);
  CHECK(d.says_no_snoop(0));
  CHECK(d.says_no_snoop(vf));
  d.device_control(0);
  CHECK_FALSE(d.says_no_snoop(0));
  CHECK_FALSE(d.says_no_snoop(vf));
}
}  // namespace no_snoop_test
