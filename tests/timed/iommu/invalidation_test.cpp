// SPDX-License-Identifier: Apache-2.0
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
/// Two domains, a page each, both in the IOTLB; then both pages move in memory.
struct Moved : Rig {
  explicit Moved(const Params& p = {}) : Rig(p) {
    table_a = allocate(), table_b = allocate();
    leaf_a = map(table_a, 0x1000, 0xaaaa'0000);
    leaf_b = map(table_b, 0x1000, 0xbbbb'0000);
    map(table_a, 0x2000, 0xa222'0000);
    attach(vf_a, table_a, 1);
    attach(vf_b, table_b, 2);
    enable_translation();
    enable_queue();
    dma(vf_a, 0x1000), dma(vf_b, 0x1000), dma(vf_a, 0x2000);
    store(leaf_a, vtd::leaf_entry(Hpa(0xa111'0000), true, true, 12));
    store(leaf_b, vtd::leaf_entry(Hpa(0xb111'0000), true, true, 12));
  }
  std::uint64_t a() { return dma(vf_a, 0x1000).address.value; }
  std::uint64_t b() { return dma(vf_b, 0x1000).address.value; }
  std::uint64_t table_a, table_b, leaf_a, leaf_b;
};
}  // namespace

TEST_CASE("without an invalidation the old translation stays, after its wait it is never used again", "[E5]") {
  Moved m;
  CHECK(m.a() == 0xaaaa'0000);
  m.invalidate(vtd::invalidate_iotlb_pages({1}, Iova(0x1000)));
  CHECK(m.a() == 0xa111'0000);
}

TEST_CASE("a domain-selective invalidation touches only its domain", "[D2]") {
  Moved m;
  m.invalidate(vtd::invalidate_iotlb_domain({2}));
  CHECK(m.a() == 0xaaaa'0000);
  CHECK(m.b() == 0xb111'0000);
}

TEST_CASE("a global invalidation touches all") {
  Moved m;
  m.invalidate(vtd::invalidate_iotlb_global());
  CHECK(m.a() == 0xa111'0000);
  CHECK(m.b() == 0xb111'0000);
}

TEST_CASE("a page-selective invalidation of another page touches nothing here") {
  Moved m;
  m.invalidate(vtd::invalidate_iotlb_pages({1}, Iova(0x2000)));
  CHECK(m.a() == 0xaaaa'0000);
  m.invalidate(vtd::invalidate_iotlb_pages({1}, Iova(0x0000), 2));  // 0x0000 to 0x3fff
  CHECK(m.a() == 0xa111'0000);
}

TEST_CASE("the leaf-only hint keeps the paging-structure caches, without it they go") {
  Moved m;
  m.invalidate(vtd::invalidate_iotlb_pages({1}, Iova(0x1000), 0, true));
  std::uint64_t reads = m.unit.translation.walk_reads.value();
  m.a();
  CHECK(m.unit.translation.walk_reads.value() - reads == 1);
  m.invalidate(vtd::invalidate_iotlb_pages({1}, Iova(0x1000), 0, false));
  reads = m.unit.translation.walk_reads.value();
  m.a();
  CHECK(m.unit.translation.walk_reads.value() - reads == 4);
}

TEST_CASE("context invalidations by device with function mask, by domain and global") {
  Moved m;
  m.attach(vf_a, m.table_b, 2);
  CHECK(m.a() == 0xaaaa'0000);
  m.invalidate(vtd::invalidate_context(3, {1}, {vf_a.value + 1}, 0));
  CHECK(m.a() == 0xaaaa'0000);                                         // another function
  m.invalidate(vtd::invalidate_context(3, {1}, {vf_a.value + 1}, 3));  // low three function bits ignored
  CHECK(m.a() == 0xbbbb'0000);                                         // domain 2's translation, still cached
  m.attach(vf_a, m.table_a, 1);
  m.invalidate(vtd::invalidate_context(2, {1}));
  CHECK(m.a() == 0xbbbb'0000);
  m.invalidate(vtd::invalidate_context(2, {2}));
  CHECK(m.a() == 0xaaaa'0000);
}

TEST_CASE("a wait completes at exactly fetch, execution and second fetch, and writes its status then") {
  Moved m;
  m.submit(vtd::invalidate_iotlb_domain({1}));
  const Time start = m.timeline.now();
  m.submit(vtd::wait_status(Hpa(m.status), 0x1234));
  const Time fetch = m.memory.latency + m.params.descriptor_overhead;
  const Time done = start + fetch + m.params.invalidation_time + fetch;
  m.timeline.run(done - 1_ps);
  CHECK(m.load(m.status) == 0);
  CHECK(m.unit.read_register(vtd::reg_queue_head, 8) == 16);
  m.timeline.run(done);
  CHECK(m.load(m.status) == 0x1234);
  CHECK(m.unit.read_register(vtd::reg_queue_head, 8) == 32);
}

TEST_CASE("an invalidation waits for the walk it overtook, whose result is not cached", "[E5]") {
  Moved m;
  m.invalidate(vtd::invalidate_iotlb_global());
  m.memory.latency = 1_us;
  const std::uint32_t old = m.ask(m.request(vf_a, 0x1000));  // reads the leaf last
  m.timeline.run(m.timeline.now() + 3600_ns);                // its leaf read is under way: it has seen 0xa111
  m.store(m.leaf_a, vtd::leaf_entry(Hpa(0xa333'0000), true, true, 12));
  m.memory.latency = 1_ns;
  m.store(m.status, 0);
  m.submit(vtd::invalidate_iotlb_domain({1}));
  m.submit(vtd::wait_status(Hpa(m.status), 1));
  m.timeline.run(m.timeline.now() + 400_ns);
  const std::uint32_t young = m.ask(m.request(vf_a, 0x1040));  // must not join the old walk
  CHECK(m.client.replies.count(old) == 0);
  CHECK(static_cast<std::uint32_t>(m.load(m.status)) == 0);  // not before the old walk is over
  m.run();
  CHECK(static_cast<std::uint32_t>(m.load(m.status)) == 1);
  CHECK(m.client.replies[old].address == Hpa(0xa111'0000));
  CHECK(m.client.replies[young].address == Hpa(0xa333'0040));
  CHECK(m.a() == 0xa333'0000);
}

TEST_CASE("a bad descriptor stops the queue with IQE until software clears it") {
  Moved m;
  m.submit(vtd::Pair{15, 0});
  m.run();
  CHECK((m.fault_status() & vtd::fsts_queue_error) != 0);
  m.store(m.status, 0);
  m.submit(vtd::wait_status(Hpa(m.status), 1));
  m.run();
  CHECK(m.load(m.status) == 0);
  m.store(m.queue, vtd::wait_interrupt());  // repaired in place, as a driver does
  m.write32(vtd::reg_completion_event_data, 0x55);
  m.write32(vtd::reg_completion_event_address, 0xfee0'3000);
  m.write32(vtd::reg_completion_event_control, 0);
  m.write32(vtd::reg_fault_status, vtd::fsts_queue_error);
  m.run();
  CHECK(m.load(m.status) == 1);
  CHECK(m.unit.read_register(vtd::reg_completion_status, 4) == 1);
  REQUIRE(m.processors.taken.size() == 1);
  CHECK(m.processors.taken[0].interrupt.vector == 0x55);
  CHECK(m.processors.taken[0].interrupt.destination == 3);
}

TEST_CASE("IQER says what the queue stumbled over") {
  Moved m;
  const auto error = [&] {
    m.run();
    CHECK((m.fault_status() & vtd::fsts_queue_error) != 0);
    return m.unit.read_register(vtd::reg_queue_error, 8) & 0xf;
  };
  const auto go_on = [&] {
    m.store(m.queue + m.unit.read_register(vtd::reg_queue_head, 8), vtd::wait_interrupt());  // repaired in place
    m.write64(vtd::reg_queue_tail, m.tail);
    m.write32(vtd::reg_fault_status, vtd::fsts_queue_error);
    m.run();
    REQUIRE((m.fault_status() & vtd::fsts_queue_error) == 0);
  };
  m.submit(vtd::Pair{15, 0});
  CHECK(error() == 3);  // type
  go_on();
  m.submit(vtd::Pair{1u | 1u << 4 | 1u << 6, 0});
  CHECK(error() == 4);  // reserved field
  go_on();
  m.submit(vtd::Pair{4u | 1u << 4 | 16ull << 27, 0});
  CHECK(error() == 4);  // more interrupt entries than ECAP.MHMV allows
  go_on();
  m.write64(vtd::reg_root_table, m.root | 2u << 10);
  m.command(vtd::gcmd_set_root_table);
  m.submit(vtd::wait_interrupt());
  CHECK(error() == 7);  // no such table mode
  m.write64(vtd::reg_root_table, m.root);
  m.command(vtd::gcmd_set_root_table);
  go_on();
  m.write64(vtd::reg_queue_address, std::uint64_t{1} << 41);
  m.submit(vtd::wait_interrupt());
  CHECK(error() == 2);  // descriptor not readable
  m.write64(vtd::reg_queue_address, m.queue);
  go_on();
  m.write64(vtd::reg_queue_tail, 0x7000);
  CHECK(error() == 1);  // tail outside the queue
}

TEST_CASE("a head at which no descriptor of the new width begins is an error, not a round without end") {
  Rig r;
  r.enable_translation();
  r.enable_queue(false);
  r.submit(vtd::wait_interrupt());
  r.run();
  REQUIRE(r.unit.read_register(vtd::reg_queue_head, 8) == 16);
  r.write64(vtd::reg_queue_address, vtd::queue_address(r.queue, 0, true));
  r.write64(vtd::reg_queue_tail, 64);
  r.run();
  CHECK((r.fault_status() & vtd::fsts_queue_error) != 0);
  CHECK((r.unit.read_register(vtd::reg_queue_error, 8) & 0xf) == 6);
  CHECK(r.unit.read_register(vtd::reg_queue_head, 8) == 16);
}

TEST_CASE("descriptors of 256 bits and page request drains are errors on a unit without them") {
  Params p;
  p.features.scalable_mode = p.features.nested = p.features.page_requests = p.features.abort_mode = false;
  Rig r(p);
  r.enable_translation();
  r.enable_queue(true);
  r.submit(vtd::wait_interrupt());
  r.run();
  CHECK((r.unit.read_register(vtd::reg_queue_error, 8) & 0xf) == 5);  // width
  r.write32(vtd::reg_global_command, vtd::gcmd_translation_enable);   // queue off
  r.tail = 0;
  r.write32(vtd::reg_fault_status, vtd::fsts_queue_error);
  r.enable_queue(false);
  r.submit(vtd::draining_page_requests(vtd::wait_status(Hpa(r.status), 1)));
  r.run();
  CHECK((r.unit.read_register(vtd::reg_queue_error, 8) & 0xf) == 4);  // reserved field
}

TEST_CASE("root tables of scalable mode and descriptors of 128 bits do not go together") {
  Rig r;
  r.enable_translation(vtd::rtaddr_scalable);
  r.enable_queue(false);
  r.submit(vtd::invalidate_iotlb_global());
  r.run();
  CHECK((r.fault_status() & vtd::fsts_queue_error) != 0);
  CHECK((r.unit.read_register(vtd::reg_queue_error, 8) & 0xf) == 3);
  CHECK(r.unit.read_register(vtd::reg_queue_head, 8) == 0);
  r.command(vtd::gcmd_set_root_table);
  r.write32(vtd::reg_global_command, vtd::gcmd_translation_enable);  // queue off
  r.tail = 0;
  r.write32(vtd::reg_fault_status, vtd::fsts_queue_error);
  r.enable_queue();
  r.invalidate(vtd::invalidate_iotlb_global());  // 256 bits
}

TEST_CASE("a queue of 256-bit descriptors takes no tail between two of them") {
  Rig r;
  r.enable_translation(vtd::rtaddr_scalable);
  r.enable_queue();
  r.write64(vtd::reg_queue_tail, 0x30);
  r.run();
  CHECK((r.unit.read_register(vtd::reg_queue_error, 8) & 0xf) == 6);
}

TEST_CASE("a device-TLB invalidation goes out with a tag and the wait stays until the device has answered", "[E5]") {
  Moved m;
  m.store(m.status, 0);
  m.submit(vtd::invalidate_device_tlb(vf_a, 0x20'0000, 21));
  m.submit(vtd::wait_status(Hpa(m.status), 1));
  m.run();
  REQUIRE(m.fabric.sent.size() == 1);
  CHECK(m.fabric.sent[0].function == vf_a);
  CHECK(m.fabric.sent[0].body == (0x2f'f000 | 0x800));  // S, ones in 19:12, zero in 20: 2 MiB
  CHECK(m.load(m.status) == 0);
  const std::uint32_t vector = 1u << m.fabric.sent[0].itag;
  m.unit.invalidate_completed(vf_b, vector, 1);  // somebody else's answer does not count
  m.unit.invalidate_completed(vf_a, vector, 2);
  m.run();
  CHECK(m.load(m.status) == 0);  // two completions were announced
  m.unit.invalidate_completed(vf_a, vector, 2);
  m.run();
  CHECK(m.load(m.status) == 1);
}

TEST_CASE("no more device-TLB invalidations are outstanding than the function's queue takes") {
  Moved m;
  for (unsigned i = 0; i < 5; ++i) m.submit(vtd::invalidate_device_tlb(vf_a, 0x1000 * i, 12, 2));
  m.run();
  CHECK(m.fabric.sent.size() == 2);
  m.unit.invalidate_completed(vf_a, 1u << m.fabric.sent[0].itag, 1);
  m.run();
  CHECK(m.fabric.sent.size() == 3);
}

TEST_CASE("a device that never answers raises ITE, names itself, and its wait is aborted") {
  Params p;
  p.device_tlb_timeout = 10_us;
  Moved m(p);
  m.store(m.status, 0);
  m.submit(vtd::invalidate_device_tlb(vf_a, 0x1000));
  m.submit(vtd::wait_status(Hpa(m.status), 1));
  m.run();
  CHECK((m.fault_status() & vtd::fsts_timeout_error) != 0);
  CHECK((m.unit.read_register(vtd::reg_queue_error, 8) >> 32 & 0xffff) == vf_a.value);
  CHECK(m.load(m.status) == 0);
  m.write32(vtd::reg_fault_status, vtd::fsts_timeout_error);
  m.invalidate(vtd::invalidate_iotlb_global());  // the queue goes on
  CHECK(m.load(m.status) == 1);
}
