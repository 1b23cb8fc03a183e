// SPDX-License-Identifier: Apache-2.0
/// TranslationUnit -- the DMA side of the IOMMU in time: caches in front, a bounded queue of misses,
/// walkers behind. A hit is answered within the call and costs no event; a miss costs one event per
/// table read.
///
/// Spec    VT-d 4.1 ch. 3 (remapping), ch. 6 (caches), 6.5.5 (draining).
/// Speed   a request for the page that the request before it hit repeats its lookup: as it was the most recently used
///         everywhere, nothing but time and counts changes.
/// Models  hit-under-miss; a miss for a page that is already being walked joins that walk; an
///         invalidation waits for walks that began before it, whose results enter no cache.
/// Omits   in-order answers: the root complex restores the order it needs.
#pragma once
#include <memory>
#include <vector>

#include "models/core/delegate.h"
#include "models/core/prefetch.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/iommu/cache_unit.h"
#include "models/iommu/fault_log.h"
#include "models/iommu/translation_audit.h"
#include "models/iommu/use_table.h"
#include "models/iommu/walk.h"
#include "models/protocol/memory_port.h"

namespace iov::iommu {

struct SourceKey {
  std::uint64_t value = 0;  ///< requester ID, and one more than the PASID above it
  SourceKey() = default;
  SourceKey(RequesterId requester, std::uint32_t pasid)
      : value(requester.value | std::uint64_t{pasid + 1} << 16) {}
  RequesterId requester() const { return {static_cast<std::uint16_t>(value)}; }
  std::uint32_t pasid() const { return static_cast<std::uint32_t>(value >> 16) - 1; }
  friend bool operator==(SourceKey a, SourceKey b) { return a.value == b.value; }
  std::uint64_t hash() const { return value ^ (value >> 16) * 0x9e3779b1u >> 3; }
};

/// Function mask (FM) of a context invalidation: source-ID bits that are not compared (6.5.2.1).
constexpr std::uint16_t ignored_source_bits(unsigned function_mask) {
  constexpr std::uint16_t ignored[] = {0, 4, 6, 7};
  return ignored[function_mask & 3];
}
struct ContextInvalidation {
  enum class Scope : std::uint8_t { global, domain, device };
  Scope scope = Scope::global;
  DomainId domain;
  RequesterId source;
  std::uint16_t ignore = 0;  ///< source bits not compared (FM)
};
struct PasidInvalidation {
  enum class Scope : std::uint8_t { global, domain, pasid };
  Scope scope = Scope::global;
  DomainId domain;
  std::uint32_t pasid = 0;
};

class TranslationUnit {
 public:
  TranslationUnit(Timeline& timeline, const Params& params, MemoryPort& memory, FaultLog& faults);

  bool translate(const TranslationRequest& request, std::uint32_t ticket, TranslationClient& client);
  const TranslationReply* translate_again(const TlpHeader& tlp);  ///< as Translator
  void foresee(RequesterId requester) const { requesters.prefetch(requester.value); }
  void set_root(const TableRoot& root) { root_ = root, forget_hits(); }
  const TableRoot& root() const { return root_; }

  /// Each removes entries at once; results of walks under way enter no cache any more.
  void invalidate(const ContextInvalidation& what);
  void invalidate(const PasidInvalidation& what);
  void invalidate(const IotlbInvalidation& what);
  /// Whether walks older than the last invalidation, or answers they gave, are still on their way.
  bool draining() const { return stale_walks_ > 0; }
  Time answered_by() const { return last_ready_; }
  void on_drained(Delegate<void()> handler) { drained_ = handler; }

  /// May this function ask for pages? Looks at its context entry in memory, without time.
  FaultReason admit_page_request(const TranslationRequest& request);

  void add_to(WorkingSet& set, RequesterId requester, std::span<const std::uint64_t> addresses) const;
  std::size_t pending() const { return used_; }
  const Iotlb& iotlb() const { return iotlb_; }
  Iotlb& iotlb() { return forget_hits(), iotlb_; }  ///< for tests that break invariants on purpose
  const PagingCaches& paging_caches() const { return paging_; }
  std::size_t cached_contexts() const { return contexts_.size(); }
  std::size_t cached_pasids() const { return pasids_.size(); }
  bool within_capacity() const;
  std::string audit_finding() const { return audit_ ? audit_->finding() : std::string(); }
  bool conserves() const { return accepted_ == answered_ + used_; }
  TranslationAudit* audit() { return audit_.get(); }

 private:
  friend struct TranslationAccess;  ///< tests break the counts through it
  enum class State : std::uint8_t { free, queued, walking, joined };
  struct alignas(cache_line_bytes) Pending {
    TranslationRequest request;
    std::uint32_t ticket = 0;
    TranslationClient* client = nullptr;
    State state = State::free;
    int walker = -1;  ///< of a walking request
    int next = -1;    ///< further requests that wait for the same walk
    Time ready;       ///< when its cache lookups were done
    Time accepted;
    bool bound = false;  ///< domain and tag are known
    DomainId domain;
    std::uint32_t tag = 0;
    std::uint16_t source_group = 0, space_group = 0;  ///< see leaders_; the second only if bound
  };
  struct alignas(cache_line_bytes) Walker {
    explicit Walker(TranslationUnit& u, int i) : event(u.timeline_, bind<&Walker::step>(this)), unit(u), index(static_cast<std::int16_t>(i)) {}
    void step() {
      const std::uint64_t entry = walk.words()[0];
      ok && walk.leads_on(entry) ? unit.step_down(*this, entry) : unit.step_otherwise(*this);
    }
    // What each step needs lies together: the event in the line that the timeline asks for ahead, what decides in the next.
    Event event;
    TranslationUnit& unit;
    int slot = -1;
    const std::int16_t index;
    bool ok = true, stale = false;
    Walk walk;
    FoundEntry next;  ///< where the next table read probably goes
    Time taken;      ///< out of the idle ones
    Time started;    ///< reading tables
    Mapping before;  ///< audit: what the tables said when the walk began
  };
  struct Lookup {
    Context* context = nullptr;
    const Binding* binding = nullptr;
    Mapping* mapping = nullptr;
    Mapping own;  ///< identity: pass-through and translated requests
    FaultReason fault = FaultReason::none;
    bool settled = false;  ///< answered from the caches
    bool iotlb_used = false;
  };
  struct Hit {
    bool valid = false;  ///< nothing was filled or removed since
    TranslationRequest request;
    TranslationReply reply;  ///< of the last that repeated it
    Lookup found;
    template <class Request>
    bool repeats(const Request& q, std::uint64_t address, Access access) const;
  };
  struct Result {  ///< of a walk, kept while its requests are answered
    Context context;
    DomainId domain;
    Mapping mapping;
    FaultReason fault = FaultReason::none;
    bool not_present = false, has_binding = false, suppress = false;
    TranslationRequest request;
  };

  Hit& older_hit() { return hits_[newest_ == hits_.data()]; }
  template <class Request>
  bool repeats_hit(const Request& q, std::uint64_t address, Access access);
  TranslationReply& answer_again(std::uint64_t address, std::uint32_t bytes);
  void answered_at(const Time& ready);
  [[gnu::noinline]] bool translate_anew(const TranslationRequest& q, std::uint32_t ticket, TranslationClient& client);
  [[gnu::noinline]] void use_again(Hit& known);
  void forget_hits() { hits_[0].valid = hits_[1].valid = false; }
  void look_up(const TranslationRequest& q, Lookup& found);
  static SourceKey pasid_key(const TranslationRequest& q, const Context& context);
  void look_up_identity(const TranslationRequest& q, Lookup& found);
  Time spend(const Lookup& found, const Time& start);
  void settle(const Lookup& found, const TranslationRequest& q, std::uint32_t ticket,
              TranslationClient& client, const Time& ready);
  bool bypass(const TranslationRequest& q, std::uint32_t ticket, TranslationClient& client);
  bool miss(const Lookup& found, const TranslationRequest& q, std::uint32_t ticket,
            TranslationClient& client);
  int allocate(const TranslationRequest& q, std::uint32_t ticket, TranslationClient& client);
  void release(int slot);
  bool join(int slot);
  bool joinable(const Pending& leader, const Pending& p) const;
  bool may_join(const Pending& p) const;
  static std::uint16_t leader_group(const TranslationRequest& q, std::uint64_t space) {
    return static_cast<std::uint16_t>((q.address.page(12) ^ space * 0x9e37'79b9'7f4a'7c15) * 0x9e37'79b9'7f4a'7c15 >> (64 - log2_leader_groups));
  }
  void lead(int slot, bool leads);
  void enqueue(int slot);
  void start_queued();
  bool answer_late_hit(int slot, const Lookup& known);
  Walker& take_walker();
  void start_walk(Walker& w, int slot, const Lookup& known);
  FoundEntry& root_entry(const Walker& w);
  void issue(Walker& w, const FoundEntry& entry, const Time& start);
  void issue_first(Walker& w);
  void issue_unfound(Walker& w, const Time& start);
  void issue_update(Walker& w, const Time& start);
  void step_down(Walker& w, std::uint64_t entry);
  void step_otherwise(Walker& w);
  Time iotlb_answer(const Walker& w);
  void finish(Walker& w);
  std::uint32_t fill_caches(const Walker& w);
  void release(Walker& w);
  void answer_alone(Walker& w);
  void answer_chain(int slot, const Result& result);
  void answer(int slot, const Result& result);
  void invite();
  void mark_walks_stale();
  Mapping repeat_walk(const TranslationRequest& q);
  void audit_walk(const Walker& w, bool cached);
  void add_tables_to(WorkingSet& set, RequesterId requester, std::uint64_t address) const;
  bool peek_words(std::uint64_t address, std::span<std::uint64_t> words);
  void send(TranslationClient& client, std::uint32_t ticket, TranslationReply& reply);
  TranslationReply refuse(FaultReason reason, bool suppress, const TranslationRequest& q);
  void count(const Lookup& found, const TranslationRequest& q);
  void count_use(DomainId domain, const TranslationRequest& q, const TranslationReply& reply);
  void count_iotlb(RequesterId requester, DomainId domain, bool hit);
  void count_walk(const Walker& w, RequesterId requester, const Time& queued);
  void count_answer(const Pending& p, const DomainId* domain, const Time& ready);

  Timeline& timeline_;
  const Features features_;
  MemoryPort& memory_;
  FaultLog& faults_;
  TableRoot root_;
  SetAssoc<SourceKey, Context> contexts_;
  SetAssoc<SourceKey, Binding> pasids_;
  Iotlb iotlb_;
  PagingCaches paging_;
  /// The last two hits of the IOTLB, as writes of payload and of descriptors take turns: repeated, they need no search.
  std::array<Hit, 2> hits_;
  Hit* newest_ = hits_.data();  ///< of the two; if valid, nothing else was looked up since
  const Time setup_, read_overhead_;
  std::vector<Pending> pending_;
  static constexpr std::uint64_t no_page = ~std::uint64_t{0};
  std::vector<std::uint64_t> leads_for_;  ///< by slot: page that the request waits or walks for, close together for join()
  static constexpr unsigned log2_leader_groups = 9;
  /// How many of those there are, by a hash of the page and the requester with its PASID, or the domain with its tag if known.
  std::array<std::uint16_t, 1u << log2_leader_groups> leaders_{};
  std::vector<int> free_;
  std::vector<int> queue_;  ///< ring of queued slots
  std::size_t queue_head_ = 0, queued_ = 0, used_ = 0;
  std::vector<FoundEntry> root_entries_ = std::vector<FoundEntry>(256);  ///< by bus
  std::vector<std::unique_ptr<Walker>> walkers_;
  std::vector<int> idle_walkers_;
  std::vector<TranslationClient*> turned_away_;
  std::uint64_t accepted_ = 0, answered_ = 0;  ///< since the beginning: not statistics, never reset
  unsigned stale_walks_ = 0;
  Time last_ready_;
  Delegate<void()> drained_;
  std::unique_ptr<TranslationAudit> audit_;

 public:
  CacheUnit context_cache, pasid_cache, iotlb_cache, pml5e_cache, pml4e_cache, pdpe_cache, pde_cache;
  Counter merges{"merges", "1", "misses that joined a walk already under way"};
  Counter walks{"walks", "1", "page walks finished"};
  Counter walk_reads{"walk_reads", "1", "table reads of finished walks"};
  Counter updates{"accessed_dirty_updates", "1", "accessed and dirty bits written"};
  Counter faults{"faults", "1", "requests refused"};
  Counter queue_full{"queue_full", "1", "requests that found the translation queue full"};
  LatencyHistogram walk_time{"walk_time", "from the first table read to the last"};
  LatencyHistogram miss_time{"miss_time", "from the acceptance of a request that missed to its answer"};
  Occupancy queue{"translation_queue", "requests that wait for a walk or its end"};
  BusyTime walker_busy{"walker_busy", "sum over walkers of the time they were taken: caches, set-up and table reads"};
  enum RequesterField : std::size_t { requests = UseTable::often, refusals = UseTable::rare };
  UseTable requesters{"requesters",    "translation by requester ID; evictions: those that its fills caused",
                      "evictions_caused", requester_label,
                      {"requests", "1"},  {"faults", "1"}};
  enum DomainField : std::size_t { granted_bytes = UseTable::often, blocked = UseTable::rare };
  UseTable domains{"domains",   "translation by domain; evictions: those of its entries; granted bytes: of untranslated requests",
                   "evictions", domain_label,
                   {"granted_bytes", "B"}, {"blocked", "1"}};

 private:
  static std::string requester_label(std::uint16_t id);
  static std::string domain_label(std::uint16_t id) { return std::to_string(id); }
};

}  // namespace iov::iommu
