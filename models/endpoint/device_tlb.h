// SPDX-License-Identifier: Apache-2.0
/// DeviceTlb -- the address translation cache (ATC) of an endpoint: asks the IOMMU once per page and
/// hands out grants; only under a grant may a TLP say "translated".
///
/// Spec    PCIe Base 5.0 10.2 (translation service), 10.3 (invalidation), 10.5 (ATS capability).
/// Models  hits and merged misses, bounded translation requests, U and N bits, not present, UR (ATS off for
///         that function, it falls back to untranslated), CA; invalidation that answers only when every use
///         of the old translation has left; answers that crossed an invalidation are thrown away.
/// Omits   page requests (PRI), several translations per request, execute permission.
/// Units   bytes, log2 page sizes
#pragma once
#include <array>
#include <deque>
#include <systemc>
#include <vector>

#include "models/core/stat.h"
#include "models/endpoint/outstanding_requests.h"
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

class DeviceTlb : public sc_core::sc_module, Requester {
 public:
  static constexpr unsigned queue_depth = 32;  ///< invalidations at a time: one per ITag
  struct Params {
    bool enabled = false;
    CacheGeometry cache{64, 8, Replacement::lru};
    Time hit_latency{2, sc_core::SC_NS};
    unsigned outstanding = 8;

    template <class V>
    void describe(V& v) {
      v.flag("enabled", enabled, "DMA asks for translations (ATS) instead of sending untranslated addresses",
             "PCIe Base 5.0 10.5.1.3, ATS Enable");
      cache.describe_into(v, "HyperTRIO (ISCA 2020), device TLB: 64 entries, 8 ways");
      v.field("hit_latency", hit_latency, Range<Time>{Time(), Time(1, sc_core::SC_US)}, "time of a lookup",
              "HyperTRIO (ISCA 2020), device TLB hit: 2 ns");
      v.field("outstanding", outstanding, Range<unsigned>{1, 256}, "translation requests in flight", no_source);
    }
  };
  DeviceTlb(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
            OutstandingRequests& requests);

  bool enabled() const { return params_.enabled; }
  /// Answers once by client.translated(), from within this call or later.
  void translate(RequesterId function, Pasid pasid, std::uint64_t address, bool write, std::uint32_t ticket,
                 TlbClient& client);
  void hold(std::uint32_t use) {  ///< one more that must give it back
    if (use != Grant::no_use) ++uses_[use].count;
  }
  void give_back(std::uint32_t use);
  bool covers(std::uint32_t use, std::uint64_t target, std::uint32_t bytes) const;

  void invalidate(const Tlp& request);
  void forget(RequesterId function);  ///< function level reset: its entries go (6.6.2)

 private:
  struct Waiter {
    TlbClient* client;
    std::uint32_t ticket;
    std::uint64_t address;
    bool write;
  };
  struct Miss {
    RequesterId function;
    Pasid pasid;
    std::uint64_t page = 0;  ///< address of the 4 KiB page asked for
    bool write = false, sent = false, stale = false, live = false;
    std::vector<Waiter> waiters;
  };
  struct Use {
    std::uint32_t count = 0;  ///< 0: free
    std::uint32_t drains = 0;  ///< bit per ITag that waits for this use
    RequesterId function;
    Pasid pasid;
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
  void tag_free() override { send_misses(); }

  bool ats_off(RequesterId function) const;
  Grant grant(RequesterId function, Pasid pasid, const Waiter& waiter, const Translation& t);
  void miss(RequesterId function, Pasid pasid, const Waiter& waiter);
  void send_misses();
  void send_request(std::uint32_t index);
  void resolve(std::uint16_t tag, CompletionStatus status, const Translation& t);
  void answer(const Miss& miss, CompletionStatus status, const Translation& t);
  void hit(Hit&& hit) { hit.waiter.client->translated(hit.waiter.ticket, hit.grant); }
  void complete(unsigned itag);
  std::string unfinished() const;

  Timeline& timeline_;
  const Params params_;
  TlpPort& port_;
  OutstandingRequests& requests_;
  TranslationCache cache_;
  std::deque<Miss> misses_;
  std::vector<std::uint32_t> free_misses_;
  Fifo<std::uint32_t> unsent_;
  std::vector<std::uint32_t> miss_of_tag_;
  unsigned in_flight_ = 0;
  std::vector<Use> uses_;
  std::vector<std::uint32_t> free_uses_;
  std::array<Invalidation, queue_depth> invalidations_{};
  std::vector<RequesterId> ats_off_;  ///< functions whose requests were answered UR
  TimedFifo<Hit> hits_pipe_{timeline_, bind<&DeviceTlb::hit>(this)};

  Counter lookups_{"lookups", "1", "translations asked of the device TLB"};
  Counter hits_{"hits", "1", "lookups answered from the cache"};
  Counter merged_{"merged_misses", "1", "misses that joined a request already on its way"};
  Counter sent_{"translation_requests", "1", "translation requests sent to the IOMMU"};
  Counter refused_{"refused", "1", "lookups without permission: not present, or read-only when writing"};
  Counter discarded_{"discarded_answers", "1", "answers that crossed an invalidation"};
  Counter invalidated_{"invalidated_entries", "1", "entries dropped by invalidate requests"};
  Counter invalidate_requests_{"invalidate_requests", "1", "invalidate requests received"};
  LatencyHistogram miss_latency_{"request_latency", "time from a translation request to its answer"};
  std::vector<Time> sent_at_;
  Invariant rest_{"translations_finished", Invariant::at_rest,
                  "at rest no translation is asked for, none is used and no invalidation waits",
                  [this] { return unfinished(); }};
};

}  // namespace iov::endpoint
