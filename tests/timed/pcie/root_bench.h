// SPDX-License-Identifier: Apache-2.0
/// A device port, a link, a root complex and a memory of fixed latency; fakes for the IOMMU. For tests.
#pragma once
#include <cstring>
#include <vector>

#include "models/pcie/root_complex.h"
#include "tests/timed/pcie/link_bench.h"
#include "tests/timed/pcie/open_port.h"

namespace iov::pcie {

/// A foreign TLM-2.0 memory: no extension known, fixed latency, [0, size).
struct FixedMemory : sc_core::sc_module, tlm::tlm_fw_transport_if<> {
  tlm::tlm_target_socket<> socket{"socket"};
  std::vector<std::uint8_t> bytes;
  Time read_latency, write_latency;
  struct Access {
    bool write;
    std::uint64_t address;
    std::uint32_t length;
    Time when;
  };
  std::vector<Access> log;
  bool logging = true;
  Timeline& timeline;
  FixedMemory(const sc_core::sc_module_name& n, Timeline& t, Time read, Time write, std::size_t size = 1 << 20)
      : sc_module(n), bytes(size), read_latency(read), write_latency(write), timeline(t) {
    socket.bind(*this);
  }
  void b_transport(tlm::tlm_generic_payload& p, Time& delay) override {
    move(p);
    if (logging) log.push_back({p.is_write(), p.get_address(), p.get_data_length(), timeline.now() + delay});
    delay += p.is_write() ? write_latency : read_latency;
  }
  unsigned transport_dbg(tlm::tlm_generic_payload& p) override {
    move(p);
    return p.is_response_ok() ? p.get_data_length() : 0;
  }
  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload&, tlm::tlm_phase&, Time&) override {
    return tlm::TLM_ACCEPTED;
  }
  bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }

 private:
  void move(tlm::tlm_generic_payload& p) {
    if (p.get_address() + p.get_data_length() > bytes.size())
      return p.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    p.set_response_status(tlm::TLM_OK_RESPONSE);
    std::uint8_t* here = bytes.data() + p.get_address();
    if (p.is_write())
      std::memcpy(here, p.get_data_ptr(), p.get_data_length());
    else
      std::memcpy(p.get_data_ptr(), here, p.get_data_length());
  }
};

/// Adds `offset` to every address; blocks one page; answers at once with a latency, or when told.
struct FakeTranslator : Translator {
  Timeline& timeline;
  Time latency;
  std::uint64_t offset = 0;
  std::uint64_t blocked_page = ~0ull, absent_page = ~0ull;
  std::uint64_t large_page = ~0ull;  ///< address >> 21 that lies on a 2 MiB page
  bool devices_translate = true;     ///< translated requests pass, as they are
  std::size_t capacity = ~std::size_t{0};
  bool by_hand = false;
  struct Pending {
    TranslationRequest request;
    std::uint32_t ticket;
    TranslationClient* client;
  };
  std::vector<Pending> pending;
  unsigned requests = 0, refusals = 0;
  explicit FakeTranslator(Timeline& t, Time l = {}) : timeline(t), latency(l) {}
  bool translate(const TranslationRequest& request, std::uint32_t ticket, TranslationClient& client) override {
    if (pending.size() >= capacity) return ++refusals, false;
    ++requests;
    if (by_hand)
      pending.push_back({request, ticket, &client});
    else
      answer({request, ticket, &client});
    return true;
  }
  void answer_next() {
    const Pending next = pending.front();
    pending.erase(pending.begin());
    answer(next);
    if (pending.size() + 1 == capacity) next.client->translator_ready();
  }
  void answer(const Pending& p) {
    TranslationReply reply;
    if (p.request.address.page(12) == blocked_page) reply.outcome = TranslationReply::Outcome::blocked;
    if (p.request.address.page(12) == absent_page) reply.outcome = TranslationReply::Outcome::not_present;
    if (p.request.address.page(21) == large_page) reply.log2_page = 21;
    const bool translated = p.request.at == AddressType::translated;
    if (translated && !devices_translate) reply.outcome = TranslationReply::Outcome::blocked;
    reply.address = Hpa(p.request.address.value + (translated ? 0 : offset));
    reply.ready = timeline.now() + latency;
    p.client->translated(p.ticket, reply);
  }
};

/// The device end: keeps what arrives, gives credits back at once.
struct DeviceEnd {
  Port& port;
  Timeline& timeline;
  struct Got {
    Tlp tlp;
    Time when;
  };
  std::vector<Got> got;
  DeviceEnd(Port& p, Timeline& t) : port(p), timeline(t) { p.on_arrival(bind<&DeviceEnd::arrived>(this)); }
  void arrived() {
    for (Tlp tlp; port.take(tlp);) {
      got.push_back({std::move(tlp), timeline.now()});
      port.release(got.back().tlp.fc(), got.back().tlp.payload());
    }
  }
};

struct RootBench {
  static constexpr std::uint64_t bar = 0x8'0000'0000;
  Timeline timeline{"timeline"};
  RootComplex rc;
  Port device, root;
  FixedMemory memory{"memory", timeline, 50_ns, 30_ns};
  DeviceEnd end{device, timeline};
  FakeTranslator translator{timeline, 10_ns};
  explicit RootBench(const RootComplexParams& params = {}, const LinkParams& link = {})
      : rc("rc", timeline, params), device("device", timeline, link), root("root", timeline, link) {
    device.connect(root);
    const unsigned port = rc.add_root_port(root);
    open_port(rc, port, 1, 1, bar, 0x10'0000);
    rc.memory.socket.bind(memory.socket);
    timeline.run(1_ns);  // sends below are in a running simulation
  }
  void send(Tlp tlp) {
    if (tlp.requester.value == 0) tlp.requester = RequesterId{0x100};
    device.send(std::move(tlp));
  }
  Time flight(const Tlp& tlp) const { return device.wire_time(tlp) + device.params().propagation; }
  void run(Time more) { timeline.run(timeline.now() + more); }
};

inline Tlp dma_read(std::uint64_t address, std::uint32_t bytes, std::uint16_t tag = 0) {
  Tlp tlp = memory_read(bytes, tag, address);
  tlp.want_bytes = bytes;
  return tlp;
}
/// With real bytes: `fill` in each.
inline Tlp dma_write(BytePool& pool, std::uint64_t address, std::uint32_t bytes, std::uint8_t fill) {
  Tlp tlp = memory_write(bytes, 0, address);
  tlp.data = pool.take(bytes);
  std::memset(tlp.data.data(), fill, bytes);
  return tlp;
}

}  // namespace iov::pcie
