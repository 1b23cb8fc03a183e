// SPDX-License-Identifier: Apache-2.0
/// DmaBench -- DMA engine, tags and device TLB on a fake host, without a device around them.
#pragma once
#include "models/endpoint/dma_engine.h"
#include "tests/timed/endpoint/fake_host.h"

namespace iov::test {

struct Done {
  std::uint32_t ticket;
  endpoint::DmaStatus status;
  Time when;
  std::vector<std::uint8_t> data;
};

struct DmaBench : endpoint::DmaClient {
  static constexpr std::uint16_t function = 0x0100;
  explicit DmaBench(endpoint::DmaEngine::Params d = quick(), endpoint::DeviceTlb::Params t = {}, LinkLimits l = {})
      : host(timeline, l),
        outstanding("outstanding", timeline, host, d.tags, d.completion_timeout),
        tlb("device_tlb", timeline, t, host, outstanding),
        dma("dma_engine", timeline, d, host, outstanding, tlb) {
    host.on_arrival(bind<&DmaBench::arrived>(this));
    channel = dma.add_channel({function}, *this);
  }
  static endpoint::DmaEngine::Params quick() {
    endpoint::DmaEngine::Params p;
    p.read_setup = Time();
    return p;
  }
  static endpoint::DeviceTlb::Params ats() {
    endpoint::DeviceTlb::Params p;
    p.enabled = true;
    p.hit_latency = 2_ns;
    return p;
  }
  void read(std::uint64_t address, std::uint32_t bytes, std::uint32_t ticket, std::uint32_t real = 0, unsigned ch = 0) {
    endpoint::DmaRequest r;
    r.address = address, r.length = bytes, r.ticket = ticket, r.real_bytes = real;
    dma.submit(ch, std::move(r));
  }
  void write(std::uint64_t address, std::uint32_t bytes, std::uint32_t ticket, unsigned ch = 0) {
    endpoint::DmaRequest r;
    r.write = true;
    r.address = address, r.length = bytes, r.ticket = ticket;
    dma.submit(ch, std::move(r));
  }
  void dma_done(std::uint32_t ticket, endpoint::DmaStatus status, ByteBuffer&& data) override {
    done.push_back({ticket, status, timeline.now(),
                    data ? std::vector<std::uint8_t>(data.bytes().begin(), data.bytes().end())
                         : std::vector<std::uint8_t>()});
  }
  void arrived() {
    for (Tlp tlp; host.take(tlp);) {
      if (tlp.type == TlpType::message_data)
        tlb.invalidate(tlp);
      else if (tlp.type == TlpType::message)
        tlb.page_requests().response(tlp);
      else
        outstanding.completion(tlp);
    }
  }
  std::vector<std::uint32_t> tickets() const {
    std::vector<std::uint32_t> t;
    for (const Done& d : done) t.push_back(d.ticket);
    return t;
  }
  void audit(Invariant::When when) { iov::audit(when, timeline.now()); }
  static std::uint64_t entry(std::uint64_t page, unsigned bits = 3) { return page << 12 | bits; }

  Timeline timeline{"timeline"};
  FakeHost host;
  endpoint::OutstandingRequests outstanding;
  endpoint::DeviceTlb tlb;
  endpoint::DmaEngine dma;
  BytePool pool;
  unsigned channel = 0;
  std::vector<Done> done;
};

/// With a device TLB; the first 16 pages lie 0x40 pages further on.
struct AtsBench : DmaBench {
  AtsBench(endpoint::DeviceTlb::Params t = ats()) : DmaBench(quick(), t) {
    for (std::uint64_t page = 1; page <= 16; ++page) host.translations[page] = entry(page + 0x40);
  }
  std::vector<Sent> requests() const {
    std::vector<Sent> some;
    for (const Sent& s : host.log)
      if (s.at == AddressType::translation_request) some.push_back(s);
    return some;
  }
  std::vector<Sent> dmas() const {
    std::vector<Sent> some;
    for (const Sent& s : host.log)
      if (s.at != AddressType::translation_request && s.type != TlpType::message) some.push_back(s);
    return some;
  }
};

}  // namespace iov::test
