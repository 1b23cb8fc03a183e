// SPDX-License-Identifier: Apache-2.0
/// DeviceTlb -- the address translation cache (ATC) of an endpoint: asks the IOMMU once per page and
/// hands out grants; only under a grant may a TLP say "translated".
///
/// Spec    PCIe Base 5.0 10.2 (translation service), 10.3 (invalidation), 10.4 (page requests), 10.5 (capabilities).
/// Models  hits and merged misses, bounded translation requests with several translations each, U and N bits, not
///         present (a page request, if the function has PRI), UR (ATS off for that function, it falls back to
///         untranslated), CA; translations ahead of a stream and of descriptors; partitions by tenant;
///         invalidation that answers only when every use of the old translation has left; answers that crossed
///         an invalidation are thrown away.
/// Omits   execute and privileged accesses; a Smallest Translation Unit other than 4 KiB.
/// Units   bytes, log2 page sizes
#pragma once
#include <array>
#include <deque>
#include <span>
#include <systemc>
#include <vector>

#include "models/core/stat.h"
#include "models/endpoint/outstanding_requests.h"
#include "models/endpoint/page_request_interface.h"
#include "models/endpoint/timed_fifo.h"
#include "models/endpoint/translation_cache.h"

namespace iov::endpoint {

/// Permission to access [begin, end) of the untranslated space; `use` must be given back.
struct Grant {
  enum class Kind : std::uint8_t { refused, untranslated, translated };
  static constexpr std::uint32_t no_use = ~0u;  ///< nothing to give back
  Kind kind = Kind::refused;
  bool snoop_only = false;
  std::uint32_t use = no_use;
  std::uint64_t begin = 0, last = 0;
  std::uint64_t target = 0;  ///< where `begin` lies
};

class TlbClient {
 public:
  virtual void translated(std::uint32_t ticket, const Grant& grant) = 0;

 protected:
  ~TlbClient() = default;
};

/// What an engine is about to do. The page of the first byte is needed now, the others of the range soon.
struct TlbLookup {
  AddressSpace space;
  std::uint64_t address = 0;
  std::uint32_t bytes = 1;
  bool write = false;
  bool stream = false;  ///< it goes on from the page before: what follows the range comes next

  std::uint64_t page() const { return range_begin(address, 12); }
  unsigned pages() const {
    return static_cast<unsigned>((address + bytes - 1) / translation_unit - address / translation_unit + 1);
  }
};

class DeviceTlb : public sc_core::sc_module, Requester, PageWaiter {
 public:
  static constexpr unsigned queue_depth = 32;  ///< invalidations at a time: one per ITag
  struct Params {
    bool enabled = false;
    CacheGeometry cache{64, 8, Replacement::lru};
    Time hit_latency{2, sc_core::SC_NS};
    unsigned outstanding = 8;
    unsigned partitions = 1;
    unsigned translations_per_request = 1;
    unsigned prefetch_pages = 0;
    bool prefetch_descriptors = false;
    PageRequestInterface::Params page_requests;

    template <class V>
    void describe(V& v) {
      v.flag("enabled", enabled, "DMA asks for translations (ATS) instead of sending untranslated addresses",
             "PCIe Base 5.0 10.5.1.3, ATS Enable");
      cache.describe_into(v, "HyperTRIO (ISCA 2020), device TLB: 64 entries, 8 ways");
      v.field("hit_latency", hit_latency, Range<Time>{Time(), Time(1, sc_core::SC_US)}, "time of a lookup",
              "HyperTRIO (ISCA 2020), device TLB hit: 2 ns");
      v.field("outstanding", outstanding, Range<unsigned>{1, 256}, "translation requests in flight", no_source);
      v.field("partitions", partitions, Range<unsigned>{1, 65536},
              "equal parts of the cache; a tenant (function and PASID) has its number modulo partitions", no_source);
      v.field("translations_per_request", translations_per_request, Range<unsigned>{1, 16},
              "translations that one request may ask for, within one read completion boundary", "PCIe Base 5.0 10.2.2.2");
      v.field("prefetch_pages", prefetch_pages, Range<unsigned>{0, 16},
              "pages translated ahead of a channel whose accesses go from page to page; 0: none", no_source);
      v.flag("prefetch_descriptors", prefetch_descriptors,
             "addresses are translated as soon as a fetched descriptor names them", no_source);
      v.group("page_requests", page_requests, "page request interface (PRI)");
      v.require(cache.entries % partitions == 0 && cache.entries / partitions % cache.ways == 0,
                "entries must be a multiple of partitions * ways");
      v.require(!page_requests.enabled || enabled, "page_requests need a device TLB that is enabled");
    }
  };
  DeviceTlb(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
            OutstandingRequests& requests);

  bool enabled() const { return params_.enabled; }
  /// Answers once by client.translated(), from within this call or later.
  void translate(const TlbLookup& lookup, std::uint32_t ticket, TlbClient& client);
  /// Descriptors name this range: translates what is missing of it, as far as requests are free.
  void expect(const TlbLookup& range) {
    if (params_.prefetch_descriptors) fetch_ahead(range.space, range.page(), range.pages(), range.write);
  }
  void hold(std::uint32_t use) {  ///< one more that must give it back
    if (use != Grant::no_use) ++uses_[use].count;
  }
  void give_back(std::uint32_t use);
  /// An invalidation waits for it: who has nothing in flight under it gives it back.
  bool draining(std::uint32_t use) const { return use != Grant::no_use && uses_[use].drains != 0; }
  void on_draining(Delegate<void()> give_back) { draining_ = give_back; }
  bool covers(std::uint32_t use, std::uint64_t target, std::uint32_t bytes) const;

  void invalidate(const Tlp& request);
  PageRequestInterface& page_requests() { return page_requests_; }
  void forget(RequesterId function);  ///< function level reset: its entries go (6.6.2)

 private:
  struct Waiter {
    TlbClient* client;
    std::uint32_t ticket;
    std::uint64_t address;
    std::uint32_t bytes;
    bool write;
  };
  struct Miss {
    AddressSpace space;
    std::uint64_t page = 0;  ///< address of the first page asked for
    unsigned pages = 1;
    bool write = false, live = false;
    bool sent = false, stale = false;  ///< an answer is on its way, and is void
    bool faulted = false;              ///< waits for a page request group instead
    std::vector<Waiter> waiters;       ///< none: prefetched

    std::uint64_t last() const { return page + pages * translation_unit - 1; }
  };
  struct Use {
    std::uint32_t count = 0;  ///< 0: free
    std::uint32_t drains = 0;  ///< bit per ITag that waits for this use
    AddressSpace space;
    std::uint64_t first = 0, last = 0, target = 0;
  };
  struct Invalidation {
    bool pending = false;
    std::uint32_t uses = 0;  ///< still to drain
    RequesterId function, agent;
  };
  struct Hit {
    Waiter waiter;
    Grant grant;
  };
  void completion(std::uint16_t tag, const Tlp& tlp, std::uint32_t offset, bool last) override;
  void timed_out(std::uint16_t tag) override { resolve(tag, CompletionStatus::abort, {}); }
  void page_answered(std::uint32_t index, bool granted) override;
  void tag_free() override { send_misses(); }

  bool ats_off(RequesterId function) const;
  Grant grant(const AddressSpace& space, const Waiter& waiter, const Translation& t);
  void miss(const AddressSpace& space, const Waiter& waiter, unsigned pages);
  void run_ahead(const TlbLookup& lookup);
  bool known(const AddressSpace& space, std::uint64_t page, bool write);
  void fetch_ahead(const AddressSpace& space, std::uint64_t page, unsigned pages, bool write);
  Miss* asked_for(const AddressSpace& space, std::uint64_t page, bool write);
  std::uint32_t take_miss(const AddressSpace& space, std::uint64_t page, unsigned pages, bool write);
  Miss give_up(std::uint32_t index);
  void send_misses();
  void send_request(std::uint32_t index);
  void resolve(std::uint16_t tag, CompletionStatus status, std::span<const std::uint64_t> entries);
  void answer(const Miss& miss, const Waiter& waiter, std::span<const Translation> translations);
  void deny(const AddressSpace& space, const Waiter& waiter);
  void refuse(const Waiter& waiter);
  void hit(Hit&& hit) { hit.waiter.client->translated(hit.waiter.ticket, hit.grant); }
  void complete(unsigned itag);
  std::string unfinished() const;

  Timeline& timeline_;
  const Params params_;
  TlpPort& port_;
  OutstandingRequests& requests_;
  TranslationCache cache_;
  PageRequestInterface page_requests_;
  const unsigned per_request_;  ///< translations
  std::deque<Miss> misses_;
  std::vector<std::uint32_t> free_misses_;
  std::vector<std::uint32_t> misses_of_;  ///< by tenant: of thousands few have any
  Fifo<std::uint32_t> unsent_;
  std::vector<std::uint32_t> miss_of_tag_;
  unsigned in_flight_ = 0;
  std::vector<Use> uses_;
  std::vector<std::uint32_t> free_uses_;
  Delegate<void()> draining_;
  std::array<Invalidation, queue_depth> invalidations_{};
  std::vector<RequesterId> ats_off_;  ///< functions whose requests were answered UR
  TimedFifo<Hit> hits_pipe_{timeline_, bind<&DeviceTlb::hit>(this)};

  Counter lookups_{"lookups", "1", "translations asked of the device TLB"};
  Counter hits_{"hits", "1", "lookups answered from the cache"};
  Counter merged_{"merged_misses", "1", "misses that joined a request already on its way"};
  Counter sent_{"translation_requests", "1", "translation requests sent to the IOMMU"};
  Counter asked_{"translations_asked", "1", "translations that these requests asked for"};
  Counter prefetches_{"prefetches", "1", "translation requests sent before an access needed them"};
  Counter refused_{"refused", "1", "lookups without permission: not present, or read-only when writing"};
  Counter discarded_{"discarded_answers", "1", "answers that crossed an invalidation"};
  Counter invalidated_{"invalidated_entries", "1", "entries dropped by invalidate requests"};
  Counter invalidate_requests_{"invalidate_requests", "1", "invalidate requests received"};
  LatencyHistogram miss_latency_{"request_latency", "time from a translation request to its answer"};
  std::vector<Time> sent_at_;
  std::vector<Translation> answered_;  ///< keeps its memory
  Invariant rest_{"translations_finished", Invariant::at_rest,
                  "at rest no translation is asked for, none is used and no invalidation waits",
                  [this] { return unfinished(); }};
};

}  // namespace iov::endpoint
