// SPDX-License-Identifier: Apache-2.0
/// Address translation as the root complex asks it of the IOMMU.
///
/// Spec    VT-d 4.1 ch. 3 (DMA remapping), ch. 7 (faults); PCIe Base 5.0 ch. 10 (ATS).
#pragma once
#include <cstdint>

#include "models/core/address.h"
#include "models/core/journey.h"
#include "models/core/units.h"
#include "models/protocol/tlp.h"

namespace iov {

enum class Access : std::uint8_t { read, write, execute };
inline Access access_of(const TlpHeader& tlp) { return tlp.type == TlpType::memory_write ? Access::write : Access::read; }

inline constexpr std::uint64_t translation_unit = 4096;  ///< ATS: STU as software sets it for VT-d (PCIe 10.5.1.3)
inline constexpr unsigned translation_entry_bytes = 8;   ///< ATS: of one translation in a completion (10.2.3)

struct TranslationRequest {
  RequesterId requester;
  Pasid pasid;
  AddressType at = AddressType::untranslated;
  Access access = Access::read;
  bool no_write = false;  ///< ATS: read-only access is enough
  Iova address;
  std::uint32_t bytes = 0;
  JourneyRef journey;
};

struct TranslationReply {
  enum class Outcome : std::uint8_t {
    granted,
    blocked,  ///< reads and ATS requests: UR; writes: dropped
    not_present,  ///< ATS only: success with R = W = 0
    abort,  ///< ATS only: CA
  };
  Outcome outcome = Outcome::granted;
  bool readable = true, writable = true, executable = false;
  bool global = false, privileged = false;
  bool untranslated_only = false;  ///< ATS: U bit
  bool snooped = false;            ///< accesses are, whatever their No Snoop attribute says; ATS: N bit
  std::uint8_t fault_reason = 0;   ///< VT-d fault reason code when not granted
  std::uint8_t log2_page = 12;     ///< size of the page that holds `address`
  Hpa address;                     ///< of the first byte asked for
  Time ready;                      ///< when the answer is there; may be later than now
};

class TranslationClient {
 public:
  /// Called once per accepted request, from within translate() or later; reply.ready >= now.
  virtual void translated(std::uint32_t ticket, const TranslationReply& reply) = 0;
  /// The translator that refused has room again.
  virtual void translator_ready() = 0;

 protected:
  ~TranslationClient() = default;
};

class Translator {
 public:
  virtual ~Translator() = default;
  /// @returns false when the translation queue is full: nothing happened, wait for translator_ready()
  virtual bool translate(const TranslationRequest& request, std::uint32_t ticket, TranslationClient& client) = 0;
  /// The same at once, of a memory request that repeats one that hit: most do. @returns the answer, until the next call; null:
  /// nothing happened, translate() it
  virtual const TranslationReply* translate_again(const TlpHeader&) { return nullptr; }
  /// A request of this function is on its way. Without effect on results: what the host's caches may fetch meanwhile.
  virtual void foresee(RequesterId) const {}
};

/// ATS messages between the IOMMU and device TLBs, carried by the root complex.
class AtsFabric {
 public:
  virtual ~AtsFabric() = default;
  /// Sends an invalidate request (PCIe 10.3.1); `body` as on the wire (63:12 address, 11 S, 0 G).
  virtual void send_invalidate(RequesterId function, std::uint8_t itag, Pasid pasid, std::uint64_t body) = 0;
  virtual void send_page_response(RequesterId function, Pasid pasid, std::uint16_t group, std::uint8_t code) = 0;
};
class AtsAgent {  ///< the IOMMU's side
 public:
  virtual void invalidate_completed(RequesterId function, std::uint32_t itag_vector, std::uint8_t count) = 0;
  virtual void page_requested(RequesterId function, Pasid pasid, std::uint64_t body) = 0;

 protected:
  ~AtsAgent() = default;
};

}  // namespace iov
