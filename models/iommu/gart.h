// SPDX-License-Identifier: Apache-2.0
/// Gart -- a graphics address remapping table: one aperture and one table for everybody. It tells devices
/// apart only by address range, so it translates and does not isolate: the contrast to Iommu.
///
/// Spec    AMD64 GART as in the BIOS and Kernel Developer's Guide for family 10h, D18F3x90-98 (aperture,
///         table base; entries in models/protocol/gart.h); AGP 3.0 ch. 3.
/// Models  aperture, table in memory, a TLB, bounded concurrent table reads; addresses outside the aperture
///         pass as they are, for every requester and every access.
/// Omits   coherency bit, table walk errors (an invalid entry blocks the access), translation requests (UR).
#pragma once
#include <memory>
#include <systemc>
#include <vector>

#include "models/core/invariant.h"
#include "models/core/set_assoc.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/iommu/cache_unit.h"
#include "models/protocol/gart.h"
#include "models/protocol/memory_port.h"
#include "models/protocol/translation.h"

namespace iov::iommu {

struct GartParams {
  std::uint64_t aperture_base = 0xff'0000'0000;
  Bytes aperture{std::uint64_t{256} << 20};
  CacheParams tlb{16, 16, 2_ns, no_source};
  unsigned outstanding = 4;
  Frequency clock{1e9};

  template <class V>
  void describe(V& v) {
    v.field("aperture_base", aperture_base, Range<std::uint64_t>{0, std::uint64_t{1} << 40},
            "first bus address that is remapped, above the host's memory",
            "AMD family 10h BKDG, D18F3x94: aligned to the aperture, below 1 TiB; firmware chooses");
    v.field("aperture", aperture, Range<Bytes>{{std::uint64_t{32} << 20}, {std::uint64_t{2} << 30}},
            "size of the remapped range", "AMD family 10h BKDG, D18F3x90: 32 MiB to 2 GiB");
    v.group("tlb", tlb, "page number -> page");
    v.field("outstanding", outstanding, Range<unsigned>{1, 64}, "table reads under way at once", no_source);
    v.field("clock", clock, Range<Frequency>{{1e6}, {1e10}}, "of the lookup pipeline", no_source);
    v.require(aperture_base % aperture.count == 0, "aperture_base must be aligned to aperture");
  }
};

class Gart : public sc_core::sc_module, public Translator {
 public:
  Gart(const sc_core::sc_module_name& name, Timeline& timeline, const GartParams& params);
  bool translate(const TranslationRequest& request, std::uint32_t ticket, TranslationClient& client) override;
  void set_table(Hpa table) { table_ = table; }  ///< D18F3x98
  void flush();  ///< software changed the table; what is being read is read again

  MemoryPort memory;
  CacheUnit tlb;
  Counter passed{"passed", "1", "requests outside the aperture, passed as they are"};
  Counter blocked{"blocked", "1", "requests that found an invalid entry"};

 private:
  struct Page {
    std::uint64_t number = 0;
    friend bool operator==(Page, Page) = default;
    std::uint64_t hash() const { return number; }
  };
  struct Read {
    explicit Read(Gart& g, std::size_t i) : gart(g), index(i) {}
    void arrived() { gart.finish(*this); }
    Gart& gart;
    std::size_t index;
    TranslationRequest request;
    std::uint32_t ticket = 0;
    TranslationClient* client = nullptr;
    std::uint32_t entry = 0;
    bool stale = false;
    Event event{gart.timeline_, bind<&Read::arrived>(this)};
  };
  bool remapped(std::uint64_t address) const {
    return address >= params_.aperture_base && address < params_.aperture_base + params_.aperture.count;
  }
  std::uint64_t page_of(std::uint64_t address) const { return (address - params_.aperture_base) >> 12; }
  void fetch(Read& read, const Time& start);
  void finish(Read& read);
  TranslationReply reply_for(std::uint32_t entry, const TranslationRequest& q);

  Timeline& timeline_;
  const GartParams params_;
  Hpa table_;
  SetAssoc<Page, std::uint32_t> entries_;
  std::vector<std::unique_ptr<Read>> reads_;
  std::vector<std::size_t> idle_;
  std::vector<TranslationClient*> turned_away_;
  Invariant rest_{"rest", Invariant::at_rest, "no table read is under way once traffic has drained",
                  [this] { return idle_.size() == reads_.size() ? "" : "reads under way"; }};
};

}  // namespace iov::iommu
