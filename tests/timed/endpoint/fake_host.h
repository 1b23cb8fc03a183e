// SPDX-License-Identifier: Apache-2.0
/// FakeHost -- the far end of an endpoint's link for tests: memory that answers reads after a fixed latency,
/// an IOMMU that is a constant offset, and a log of every TLP.
#pragma once
#include <functional>
#include <map>
#include <set>

#include "models/core/timeline.h"
#include "models/endpoint/splitter.h"
#include "models/endpoint/timed_fifo.h"
#include "models/protocol/tlp_port.h"

namespace iov::test {

struct Sent {  ///< one line of the log
  Time when;
  TlpType type;
  AddressType at;
  std::uint16_t requester;
  std::uint64_t address;
  std::uint32_t length, want;
  std::uint16_t tag;
  CompletionStatus status;
  MessageCode message;
  std::vector<std::uint8_t> data;
  bool has_journey;
  Pasid pasid;
  bool no_snoop;
};

class FakeHost : public TlpPort {
 public:
  explicit FakeHost(Timeline& timeline, const LinkLimits& limits = {}) : link(limits), timeline_(timeline) {}

  LinkLimits link;
  Time latency{500, sc_core::SC_NS};
  std::uint32_t completion_bytes = 256;     ///< completions are cut at multiples of it
  std::size_t posted_credits = 1u << 30;    ///< writes beyond these wait
  bool answering = true;                    ///< false: reads are swallowed
  std::set<std::uint64_t> unsupported;      ///< pages (address >> 12) whose reads get UR
  std::map<std::uint64_t, std::uint64_t> translations;  ///< page >> 12 -> translation completion entry
  std::size_t most_translations = 8;  ///< in one completion
  CompletionStatus ats_status = CompletionStatus::success;
  std::vector<Sent> log;
  std::vector<std::uint8_t> memory = std::vector<std::uint8_t>(1u << 20);

  // --- TlpPort
  void send(Tlp&& tlp) override {
    if (tlp.fc() == FcClass::posted && posted_credits == 0) return waiting_.push(std::move(tlp));
    if (tlp.fc() == FcClass::posted) --posted_credits;
    go(std::move(tlp));
  }
  bool clear_for(FcClass fc, std::uint32_t tlps, std::uint32_t) override {
    return fc == FcClass::posted && waiting_.empty() && posted_credits >= tlps;
  }
  std::size_t backlog(FcClass fc) const override { return fc == FcClass::posted ? waiting_.size() : 0; }
  void on_arrival(Delegate<void()> handler) override { arrival_ = handler; }
  void on_drained(Delegate<void()> handler) override { drained_ = handler; }
  std::size_t take(Tlp& tlp) override {
    const std::size_t there = inbox_.size();
    if (there > 0) tlp = inbox_.pop();
    return there;
  }
  void release(FcClass, std::uint32_t) override { ++released; }
  void release_at(FcClass, std::uint32_t, const Time&) override { ++released; }
  const LinkLimits& limits() const override { return link; }
  unsigned released = 0;

  // --- the host's side
  void credits(std::size_t n) {
    posted_credits += n;
    while (!waiting_.empty() && posted_credits > 0) --posted_credits, go(waiting_.pop());
    if (waiting_.empty()) drained_();
  }
  void inject(Tlp&& tlp) {
    inbox_.push(std::move(tlp));
    arrival_();
  }
  void mmio_write(std::uint64_t address, std::uint64_t value, unsigned bytes, JourneyRef journey = {}) {
    Tlp tlp;
    tlp.type = TlpType::memory_write;
    tlp.address = address;
    tlp.length = bytes;
    tlp.data = pool_.take(bytes);
    std::memcpy(tlp.data.data(), &value, bytes);
    tlp.journey = journey;
    inject(std::move(tlp));
  }
  void mmio_read(std::uint64_t address, unsigned bytes, std::uint16_t tag = 7) {
    Tlp tlp;
    tlp.address = address;
    tlp.length = bytes;
    tlp.tag = tag;
    inject(std::move(tlp));
  }
  void send_invalidate(std::uint16_t function, std::uint8_t itag, std::uint64_t body) {
    Tlp tlp;
    tlp.type = TlpType::message_data;
    tlp.message = MessageCode::invalidate_request;
    tlp.completer = {function};
    tlp.tag = itag;
    tlp.length = 8;
    tlp.address = body;
    inject(std::move(tlp));
  }
  void send_page_response(std::uint16_t function, std::uint64_t group, unsigned code, Pasid pasid = {}) {
    Tlp tlp;
    tlp.type = TlpType::message;
    tlp.message = MessageCode::page_group_response;
    tlp.completer = {function};
    tlp.pasid = pasid;
    tlp.address = std::uint64_t{code} << 12 | group;
    inject(std::move(tlp));
  }
  template <class T>
  void poke(std::uint64_t address, const T& value) {
    std::memcpy(memory.data() + address, &value, sizeof value);
  }
  template <class T>
  T peek(std::uint64_t address) const {
    T value{};
    std::memcpy(&value, memory.data() + address, sizeof value);
    return value;
  }
  std::vector<Sent> sent(TlpType type) const {
    std::vector<Sent> some;
    for (const Sent& s : log)
      if (s.type == type) some.push_back(s);
    return some;
  }

 private:
  void go(Tlp&& tlp) {
    log.push_back({timeline_.now(), tlp.type, tlp.at, tlp.requester.value, tlp.address, tlp.length, tlp.want_bytes,
                   tlp.tag, tlp.status, tlp.message,
                   tlp.data ? std::vector<std::uint8_t>(tlp.data.bytes().begin(), tlp.data.bytes().end())
                            : std::vector<std::uint8_t>(),
                   static_cast<bool>(tlp.journey), tlp.pasid, tlp.no_snoop});
    if (tlp.type == TlpType::memory_write && tlp.address + tlp.length <= memory.size() && tlp.data)
      std::memcpy(memory.data() + tlp.address, tlp.data.data(), tlp.data.size());
    if (tlp.type == TlpType::memory_read && answering) answer(tlp);
  }
  void answer(const Tlp& read) {
    const bool ats = read.at == AddressType::translation_request;
    const bool refuse = ats ? ats_status != CompletionStatus::success : unsupported.contains(read.address >> 12);
    if (refuse) {
      Tlp c = completion(read, read.length);
      c.type = TlpType::completion;
      c.status = ats ? ats_status : CompletionStatus::unsupported_request;
      return reply(std::move(c));
    }
    for (std::uint32_t done = 0; done < read.length;) {
      const std::uint64_t here = read.address + done;
      if (ats) return translate(read);
      const auto piece = static_cast<std::uint32_t>(
          std::min<std::uint64_t>(read.length - done, completion_bytes - here % completion_bytes));
      Tlp c = completion(read, read.length - done);
      c.address = here;
      c.length = piece;
      const std::uint32_t real = read.want_bytes > done ? std::min(read.want_bytes - done, piece) : 0;
      if (real) c.data = pool_.copy({memory.data() + here, real});
      reply(std::move(c));
      done += piece;
    }
  }
  /// As many entries as were asked for, `most_translations` and the first absent page permitting.
  void translate(const Tlp& read) {
    std::vector<std::uint64_t> entries;
    const std::size_t asked = std::min<std::size_t>(read.length / 8, most_translations);
    for (std::uint64_t page = read.address >> 12; entries.size() < asked; ++page) {
      if (!entries.empty() && translations[page] == 0) break;
      entries.push_back(translations[page]);
    }
    const auto bytes = static_cast<std::uint32_t>(8 * entries.size());
    Tlp c = completion(read, bytes);
    c.length = bytes;
    c.data = pool_.copy({reinterpret_cast<const std::uint8_t*>(entries.data()), bytes});
    reply(std::move(c));
  }
  static Tlp completion(const Tlp& read, std::uint32_t owed) {
    Tlp c;
    c.type = TlpType::completion_data;
    c.requester = read.requester;
    c.tag = read.tag;
    c.byte_count = owed;
    return c;
  }
  void reply(Tlp&& tlp) { replies_.push(timeline_.now() + latency, std::move(tlp)); }
  void arrived(Tlp&& tlp) { inject(std::move(tlp)); }

  Timeline& timeline_;
  BytePool pool_;
  endpoint::Fifo<Tlp> waiting_, inbox_;
  endpoint::TimedFifo<Tlp> replies_{timeline_, bind<&FakeHost::arrived>(this)};
  Delegate<void()> arrival_, drained_;
};

}  // namespace iov::test
