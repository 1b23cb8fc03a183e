// SPDX-License-Identifier: Apache-2.0
/// Walk -- one translation, one memory access at a time: root, context, PASID directory and entry,
/// first and second stage, nested. It says what it wants read (or updated) and is fed the bytes;
/// whoever feeds it spends the time. Fed from an array it is the time-free function.
///
/// Spec    VT-d 4.1 3.4 (legacy), 3.6 (first stage), 3.7 (second stage), 3.8 (nested), 3.6.2 and 3.7.2
///         (accessed and dirty), 4.2 (translation requests), 7.1.3 (fault conditions and their order).
/// Models  paging-structure caches when given, with fills; A/D updates as compare-and-exchange.
/// Omits   privileged requests (the PR bit), supervisor-mode execution prevention, PAT and memory types.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "models/iommu/context.h"
#include "models/iommu/iotlb.h"
#include "models/iommu/paging_cache.h"
#include "models/iommu/table_read.h"

namespace iov::iommu {

/// Of the entries of first-stage and second-stage tables.
inline constexpr std::uint64_t address_mask = 0x000f'ffff'ffff'f000;
/// Which of a table's 512 entries translates `address` at `level` (1: pages of 4 KiB; 0: which 8 bytes of a page it is in).
inline unsigned index_at(std::uint64_t address, unsigned level) {
  return static_cast<unsigned>(address >> (12 + 9 * (level - 1)) & 511);
}

class Walk {
 public:
  Walk() = default;
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  /// The next access. A read wants `bytes`; an update wants `expected` replaced by `desired`.
  struct Access64 {
    std::uint64_t address = 0;
    unsigned bytes = 8;  ///< 8, 16, 32 or 64
    bool update = false;
    std::uint64_t expected = 0, desired = 0;
  };

  /// @param request  stays where it is until the walk is done
  /// @param caches  may be null: then every level is read
  /// @param iotlb   asked as soon as the binding is known; may be null
  void start(const Features& features, const TableRoot& root, const TranslationRequest& request,
             PagingCaches* caches, Iotlb* iotlb = nullptr);
  /// As start(), with the context (and binding) already known from the caches; the request was admitted.
  void start_at_pasid(const Features& features, const TranslationRequest& request, const Context& context,
                      PagingCaches* caches, Iotlb* iotlb = nullptr);
  void start_at_tables(const Features& features, const TranslationRequest& request, const Context& context,
                       const Binding& binding, PagingCaches* caches);

  bool done() const { return phase_ == Phase::done; }
  /// This entry, which was read, leads on to the next second-stage table and nothing about it is out of the ordinary, as in most steps:
  /// descend() does then what feed() would.
  bool leads_on(std::uint64_t entry) const {
    return phase_ == Phase::second && !access_.update && second_level_ > 1 && (entry & second_rare_) == 0 && (second_.bits() & second_needs_ & entry) != 0;
  }
  void descend(std::uint64_t entry) {
    second_.keep(entry);
    const std::uint64_t table = entry & address_mask;
    if (caches_ && fills_allowed_) caches_->fill(second_space_, second_input_, second_level_, {table, second_, false});
    --second_level_;
    access_.address = table + index_at(second_input_, second_level_) * 8u;  // 8 bytes are read, as before
    ++reads_;
  }
  const Access64& wanted() const { return access_; }
  /// For the words that wanted() reads, of who has none of his own: beside what a step looks at first.
  std::array<std::uint64_t, 8>& words() { return words_; }
  const std::array<std::uint64_t, 8>& words() const { return words_; }
  /// Which entry wanted() is; its words are not known yet.
  TableRead reading() const;
  struct Guess {
    std::uint64_t address;
    bool walks_on;  ///< else the access itself comes next
  };
  /// Where the walk, or the access that it is for, probably reads once it is fed these words; to prefetch by.
  Guess next_guess(std::span<const std::uint64_t> words) const {
    return phase_ == Phase::second ? second_guess(words[0]) : Guess{other_guess(words), true};
  }
  /// The same, in the second stage.
  Guess second_guess(std::uint64_t entry) const {
    const bool last = second_level_ == 1 && purpose_ == Purpose::page;
    return {(entry & address_mask) + index_at(second_input_, second_level_ - 1) * 8u, !last};
  }
  bool reads_root() const { return phase_ == Phase::root; }
  bool reads_context() const { return phase_ == Phase::context; }
  /// The bytes that were read; `ok` false: the memory refused.
  void feed(std::span<const std::uint64_t> words, bool ok);
  /// Whether the update found what it expected; if not the entry is read again.
  void updated(bool matched);
  /// An invalidation overtook this walk: what it still finds must not enter a cache.
  void forbid_fills() { fills_allowed_ = false; }
  bool fills_allowed() const { return fills_allowed_; }

  FaultReason fault() const { return fault_; }
  /// ATS: the page is simply not there for this access, which is an answer and not a fault.
  bool not_present() const { return not_present_; }
  bool has_context() const { return has_context_; }
  bool has_binding() const { return has_binding_; }
  const Context& context() const { return context_; }
  const Binding& binding() const { return *binding_; }
  const Mapping& mapping() const { return mapping_; }  ///< when done without fault
  bool suppress_faults() const { return suppress_; }
  unsigned reads() const { return reads_; }
  bool iotlb_asked() const { return iotlb_asked_; }
  bool iotlb_hit() const { return iotlb_hit_; }
  unsigned cache_hit_level() const { return hit_level_; }  ///< of the stage walked first; 0: none

 private:
  enum class Phase : std::uint8_t { root, context, pasid_directory, pasid_entry, first, second, done };
  enum class Purpose : std::uint8_t { page, first_table };  ///< what a second-stage walk translates

  /// As new, but for what each stage sets when it begins.
  void begin(const Features& features, const TranslationRequest& request, PagingCaches* caches);
  std::uint64_t other_guess(std::span<const std::uint64_t> words) const;
  void read(std::uint64_t address, unsigned bytes) {
    access_.update = false, access_.address = address, access_.bytes = bytes;
    ++reads_;
  }
  void finish();
  void fail(FaultReason reason);
  void deny(FaultReason reason);  ///< a fault for a DMA, "not present" for a translation request

  [[gnu::noinline]] void feed_others(std::span<const std::uint64_t> words);
  void on_root(std::span<const std::uint64_t> words);
  void on_context(std::span<const std::uint64_t> words);
  void after_context();
  void begin_pasid();
  void on_pasid_directory(std::uint64_t word);
  void on_pasid_entry(std::span<const std::uint64_t> words);
  void ask_iotlb();
  void begin_tables();
  FaultReason access_error() const;

  void begin_first();
  void read_first_entry(std::uint64_t table);
  void on_first(std::uint64_t entry);
  bool first_allowed(std::uint64_t entry, unsigned level);
  bool first_reserved(std::uint64_t entry) const;
  void first_continues();
  void finish_first();

  void begin_second(std::uint64_t address, Purpose purpose);
  void on_second(std::uint64_t entry);
  unsigned second_needs() const;
  bool writable() const { return first_.bits() & second_.bits() & Permissions::write; }
  bool second_reserved(std::uint64_t entry) const;
  bool second_updates();
  void second_continues();
  void second_updated();
  void finish_second();
  void deny_second();
  bool check_output(std::uint64_t address);

  bool ats() const { return request_->at == AddressType::translation_request; }
  bool writes() const { return request_->access == Access::write; }
  bool wants_dirty(bool writable) const { return writes() || (ats() && !request_->no_write && writable); }
  bool is_leaf(std::uint64_t entry, unsigned level) const {
    return level == 1 || ((entry >> 7 & 1) && level <= 3);
  }
  bool update(std::uint64_t entry, std::uint64_t desired);

  // What each step of a second-stage walk needs comes first, close together: what decides about it with the first of the words.
  // (The level is no byte: GCC would load it together with the purpose, and wait until the level that was just stored is in the cache.)
  std::uint64_t second_rare_ = 0;  ///< bits of entries that ask for a closer look
  unsigned second_level_ = 0, second_needs_ = 0;
  Phase phase_ = Phase::done;
  Purpose purpose_ = Purpose::page;
  Permissions first_, second_;
  bool fills_allowed_ = true, scalable_ = false, not_present_ = false, has_context_ = false, has_binding_ = false, suppress_ = false,
       iotlb_asked_ = false, iotlb_hit_ = false;
  FaultReason fault_ = FaultReason::none;
  std::array<std::uint64_t, 8> words_{};
  Access64 access_;
  PagingCaches* caches_ = nullptr;
  std::uint64_t second_input_ = 0;
  PagingSpace second_space_{{}, Binding::no_tag};
  const Features* features_ = nullptr;
  const TranslationRequest* request_ = nullptr;
  const Binding* binding_ = &own_binding_;  ///< of legacy mode it is in the context
  unsigned reads_ = 0, hit_level_ = 0;
  std::uint64_t entry_ = 0;  ///< being processed, kept across an update
  Mapping mapping_;

  bool first_dirty_ = true, second_dirty_ = true, table_writable_ = false, global_ = false;
  unsigned first_level_ = 0, first_log2_ = 12;
  std::uint64_t first_page_ = 0;  ///< guest-physical address that the first stage found
  std::uint32_t pasid_ = 0;
  Iotlb* iotlb_ = nullptr;
  Context context_;
  Binding own_binding_;
};

}  // namespace iov::iommu
