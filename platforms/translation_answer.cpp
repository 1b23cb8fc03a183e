// SPDX-License-Identifier: Apache-2.0
// The answer to one question, as JSON.
#include <cstdio>

#include "models/protocol/translation_completion.h"
#include "platforms/translation_image.h"

namespace iov::platform {

namespace {

using Json = nlohmann::ordered_json;
using iommu::FaultReason;
using iommu::InterruptReply;
using Outcome = TranslationReply::Outcome;

std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

struct Reads {
  void heard(const iommu::TableRead& read) {
    Json raw = Json::array();
    for (const std::uint64_t word : read.words) raw.push_back(hex(word));
    list.push_back({{"table", iommu::table_name(read)}, {"address", hex(read.address)}, {"raw", raw}, {"decoded", iommu::table_text(read)}});
  }
  Json list = Json::array();
};

Json fault(FaultReason reason, bool recorded) {
  return {{"result", "fault"}, {"reason", static_cast<unsigned>(reason)}, {"name", iommu::fault_name(reason)}, {"recorded", recorded}};
}

std::string permissions(const TranslationReply& r) {
  return std::string(r.readable ? "r" : "") + (r.writable ? "w" : "") + (r.executable ? "x" : "");
}

Json dma(iommu::RemappingFunction& function, const TranslationQuery& query) {
  TranslationRequest q;
  q.requester = query.requester, q.pasid = query.pasid, q.address = Iova(query.address);
  q.access = query.access, q.at = query.at;
  const bool ats = query.at == AddressType::translation_request;
  q.no_write = ats && query.access != Access::write;
  const auto found = function.translate(q);
  const TranslationReply& r = found.reply;
  const auto reason = static_cast<FaultReason>(r.fault_reason);
  if (r.outcome == Outcome::granted) {
    Json out{{"result", "ok"},
             {"hpa", hex(r.address.value)},
             {"page_bytes", std::uint64_t{1} << r.log2_page},
             {"perms", permissions(r)}};
    if (ats) out.update({{"completion", hex(translation_entry(r))}, {"global", r.global}, {"untranslated_only", r.untranslated_only}});
    return out;
  }
  if (r.outcome == Outcome::not_present) return {{"result", "not_present"}, {"perms", ""}, {"completion", hex(0)}};
  Json out = fault(reason, found.recorded);
  if (reason == FaultReason::none) out["name"] = "translation_off";  // a translation request finds the unit off (4.2.3)
  if (ats) out["completion_status"] = r.outcome == Outcome::abort ? "completer_abort" : "unsupported_request";
  return out;
}

Json interrupt(iommu::RemappingFunction& function, const TranslationQuery& query) {
  const InterruptReply r = function.interrupt(query.requester, query.address, *query.data);
  if (r.outcome == InterruptReply::Outcome::blocked) {
    Json out = fault(r.fault, r.recorded);
    if (r.remapped) out["index"] = r.index;
    return out;
  }
  Json out{{"result", r.outcome == InterruptReply::Outcome::posted ? "posted" : "delivered"}, {"remapped", r.remapped}};
  if (r.remapped) out["index"] = r.index;
  if (r.outcome == InterruptReply::Outcome::delivered) {
    out.update({{"vector", r.interrupt.vector}, {"destination", r.interrupt.destination}});
    out.update({{"destination_mode", r.logical ? "logical" : "physical"}, {"delivery_mode", r.delivery_mode}});
    return out;
  }
  out.update({{"descriptor", hex(r.descriptor)}, {"vector", r.virtual_vector}, {"urgent", r.urgent}, {"notified", r.notified}});
  if (r.notified) out.update({{"notification_vector", r.interrupt.vector}, {"destination", r.interrupt.destination}});
  return out;
}

}  // namespace

Json answer(const iommu::Features& features, const iommu::RemappingRegisters& registers, iommu::TableMemory memory,
            const TranslationQuery& query, bool with_reads) {
  Reads reads;
  if (with_reads) memory.observe = bind<&Reads::heard>(&reads);
  iommu::RemappingFunction function(features, registers, memory);
  Json out = query.data ? interrupt(function, query) : dma(function, query);
  if (with_reads) out["reads"] = std::move(reads.list);
  return out;
}

}  // namespace iov::platform
