// SPDX-License-Identifier: Apache-2.0
/// A remapping unit on a bench: memory of one fixed latency, a client that keeps replies, processors that
/// keep interrupts, an ATS fabric that keeps messages, and helpers that write tables as software would.
#pragma once
#include <catch2/catch.hpp>
#include <map>
#include <unordered_map>
#include <vector>

#include "models/iommu/iommu.h"

namespace rig {
using namespace iov;
using namespace iov::iommu;

struct FixedMemory : sc_core::sc_module, tlm::tlm_fw_transport_if<> {
  explicit FixedMemory(const sc_core::sc_module_name& n) : sc_module(n) { socket.bind(*this); }
  void b_transport(tlm::tlm_generic_payload& p, Time& delay) override {
    p.get_command() == tlm::TLM_READ_COMMAND ? ++reads : ++writes;
    delay += latency;
    transport_dbg(p);
  }
  unsigned transport_dbg(tlm::tlm_generic_payload& p) override {
    if (p.get_address() >= limit) {
      p.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
      return 0;
    }
    for (unsigned i = 0; i < p.get_data_length(); ++i) {
      std::uint8_t& byte = at(p.get_address() + i);
      p.get_command() == tlm::TLM_READ_COMMAND ? (p.get_data_ptr()[i] = byte, 0)
                                               : (byte = p.get_data_ptr()[i], 0);
    }
    p.set_response_status(tlm::TLM_OK_RESPONSE);
    return p.get_data_length();
  }
  std::uint8_t& at(std::uint64_t a) { return pages[a >> 12][a & 0xfff]; }
  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload&, tlm::tlm_phase&, Time&) override {
    return tlm::TLM_COMPLETED;
  }
  bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }
  tlm::tlm_target_socket<> socket{"socket"};
  std::unordered_map<std::uint64_t, std::array<std::uint8_t, 4096>> pages;
  std::uint64_t limit = std::uint64_t{1} << 40;
  Time latency = 70_ns;
  unsigned reads = 0, writes = 0;
};

struct Client : TranslationClient {
  explicit Client(Timeline& t) : timeline(t) {}
  void translated(std::uint32_t ticket, const TranslationReply& reply) override {
    CHECK(replies.count(ticket) == 0);  // each request is answered once
    replies[ticket] = reply;
    order.push_back(ticket);
    answered_at[ticket] = timeline.now();
  }
  void translator_ready() override { ++ready_calls; }
  Timeline& timeline;
  std::map<std::uint32_t, TranslationReply> replies;
  std::map<std::uint32_t, Time> answered_at;
  std::vector<std::uint32_t> order;
  unsigned ready_calls = 0;
};

struct Processors : InterruptBus {
  explicit Processors(Timeline& t) : timeline(t) {}
  void deliver(const ProcessorInterrupt& i) override {
    taken.push_back({timeline.now(), i});
    if (core) core(i);
  }
  struct Taken {
    Time when;
    ProcessorInterrupt interrupt;
  };
  Timeline& timeline;
  std::vector<Taken> taken;
  Delegate<void(const ProcessorInterrupt&)> core;  ///< where they arrive, if anywhere
};

struct Fabric : AtsFabric {
  struct Sent {
    RequesterId function;
    std::uint8_t itag;
    Pasid pasid;
    std::uint64_t body;
  };
  struct Response {
    RequesterId function;
    Pasid pasid;
    std::uint16_t group;
    std::uint8_t code;
  };
  void send_invalidate(RequesterId f, std::uint8_t itag, Pasid pasid, std::uint64_t body) override {
    sent.push_back({f, itag, pasid, body});
  }
  void send_page_response(RequesterId f, Pasid pasid, std::uint16_t group, std::uint8_t code) override {
    responses.push_back({f, pasid, group, code});
  }
  std::vector<Sent> sent;
  std::vector<Response> responses;
};

inline Params test_params() {
  Params p;
  p.audit = true;
  return p;
}

struct Rig {
  explicit Rig(const Params& p = test_params()) : params(p) {
    unit.memory.socket.bind(memory.socket);
    unit.set_ats_fabric(&fabric);
  }
  Params params;
  Timeline timeline{"timeline"};
  FixedMemory memory{"ram"};
  Processors processors{timeline};
  Iommu unit{"iommu", timeline, params, processors};
  Client client{timeline};
  Fabric fabric;
  std::uint64_t next_page = 0x10'0000;
  std::uint64_t root = 0, queue = 0, status = 0;
  std::uint64_t tail = 0;
  unsigned descriptor_bytes = 16;
  std::map<std::uint8_t, std::uint64_t> contexts;
  std::uint32_t next_ticket = 1;

  std::uint64_t allocate(std::uint64_t bytes = 4096) {
    const std::uint64_t at = next_page;
    next_page += bytes;
    return at;
  }
  std::uint64_t load(std::uint64_t a) { return unit.memory.peek<std::uint64_t>(Hpa(a)); }
  void store(std::uint64_t a, std::uint64_t v) { unit.memory.poke_value(Hpa(a), v); }
  void store(std::uint64_t a, const vtd::Pair& v) { store(a, v.lo), store(a + 8, v.hi); }

  /// Second-stage mapping; creates tables on the way. @returns the address of the leaf entry
  std::uint64_t map(std::uint64_t table, std::uint64_t iova, std::uint64_t page, bool r = true, bool w = true,
                    unsigned log2 = 12, unsigned levels = 4) {
    for (unsigned level = levels;; --level) {
      const std::uint64_t at = table + (iova >> (12 + 9 * (level - 1)) & 511) * 8;
      if (12 + 9 * (level - 1) == log2) {
        store(at, vtd::leaf_entry(Hpa(page), r, w, log2));
        return at;
      }
      if (load(at) == 0) store(at, vtd::table_entry(Hpa(allocate())));
      table = load(at) & vtd::page_mask;
    }
  }
  std::uint64_t context_slot(RequesterId rid) {
    if (!root) root = allocate();
    if (!contexts.count(rid.bus())) {
      contexts[rid.bus()] = allocate();
      store(root + rid.bus() * 16u, vtd::root_entry(Hpa(contexts[rid.bus()])));
    }
    return contexts[rid.bus()] + rid.devfn() * 16u;
  }
  void attach(RequesterId rid, std::uint64_t table, std::uint16_t domain,
              vtd::TranslationType type = vtd::TranslationType::untranslated_only, unsigned levels = 4) {
    store(context_slot(rid), vtd::context_entry(Hpa(table), levels, {domain}, type));
  }
  void write32(std::uint32_t reg, std::uint64_t v) { unit.write_register(reg, v, 4); }
  void write64(std::uint32_t reg, std::uint64_t v) { unit.write_register(reg, v, 8); }
  void command(std::uint32_t bit) {
    const auto sticky =
        static_cast<std::uint32_t>(unit.read_register(vtd::reg_global_status, 4)) & 0x96ff'ffff;
    write32(vtd::reg_global_command, sticky | bit);
  }
  void enable_translation(std::uint64_t mode = vtd::rtaddr_legacy) {
    if (!root) root = allocate();
    write64(vtd::reg_root_table, root | mode);
    command(vtd::gcmd_set_root_table);
    command(vtd::gcmd_translation_enable);
  }
  /// Descriptors of 256 bits where root tables are those of scalable mode.
  void enable_queue() { enable_queue(unit.read_register(vtd::reg_root_table, 8) & vtd::rtaddr_scalable); }
  void enable_queue(bool wide) {
    queue = allocate(), status = allocate();
    descriptor_bytes = wide ? 32 : 16;
    write64(vtd::reg_queue_tail, 0);
    write64(vtd::reg_queue_address, vtd::queue_address(queue, 0, wide));
    command(vtd::gcmd_queue_enable);
  }
  void submit(const vtd::Pair& d) {
    store(queue + tail, d);
    tail = (tail + descriptor_bytes) % 4096;
    write64(vtd::reg_queue_tail, tail);
  }
  /// Submits, waits, and runs until the wait's status is written.
  void invalidate(const vtd::Pair& d) {
    store(status, 0);
    submit(d);
    submit(vtd::wait_status(Hpa(status), 1));
    run();
    REQUIRE(static_cast<std::uint32_t>(load(status)) == 1);
  }
  void run(const Time& t = 100_us) { timeline.run(timeline.now() + t); }

  TranslationRequest request(RequesterId rid, std::uint64_t iova, Access access = Access::read) {
    TranslationRequest q;
    q.requester = rid;
    q.address = Iova(iova);
    q.access = access;
    q.bytes = 64;
    return q;
  }
  std::uint32_t ask(const TranslationRequest& q) {
    const std::uint32_t ticket = next_ticket++;
    REQUIRE(unit.translate(q, ticket, client));
    return ticket;
  }
  TranslationReply answer(const TranslationRequest& q) {
    const std::uint32_t ticket = ask(q);
    run();
    REQUIRE(client.replies.count(ticket) == 1);
    return client.replies[ticket];
  }
  TranslationReply dma(RequesterId rid, std::uint64_t iova, Access access = Access::read) {
    return answer(request(rid, iova, access));
  }
  std::uint32_t fault_status() {
    return static_cast<std::uint32_t>(unit.read_register(vtd::reg_fault_status, 4));
  }
};

inline constexpr RequesterId vf_a{0x0108}, vf_b{0x0110}, vf_c{0x0201};
using Outcome = TranslationReply::Outcome;

}  // namespace rig
