// SPDX-License-Identifier: Apache-2.0
/// TranslationImage -- a dump of an IOMMU's world as a file: register values, memory with the tables, requests; and what
/// the unit would answer to each. Function only, no time.
///
/// File    { "registers": { "rtaddr": "0x1000", "mode": "legacy", "irta": "0x0", "translation": true, ... },
///           "features": { parameters of iommu.features },
///           "memory": [ { "address": "0x1000", "bytes": "0120..." }, { "address": "0x0", "file": "dump.bin" } ],
///           "requests": [ { "rid": "01:00.0", "address": "0x1000", "access": "r", "at": "untranslated" },
///                         { "rid": "01:00.0", "address": "0xfee00010", "data": 0 } ] }
/// Errors  collected in a ProblemSink, each with the place in the file.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/iommu/memory_image.h"
#include "models/iommu/remapping_function.h"
#include "models/protocol/vtd_registers.h"
#include "platforms/problem.h"

namespace iov::platform {

/// One question to the unit: a DMA, an ATS translation request, or with `data` an interrupt message.
struct TranslationQuery {
  RequesterId requester;
  Pasid pasid;
  std::uint64_t address = 0;
  Access access = Access::read;
  AddressType at = AddressType::untranslated;
  std::optional<std::uint32_t> data;
};

struct TranslationImage {
  iommu::Features features;
  iommu::RemappingRegisters registers;
  iommu::MemoryImage memory;
  std::vector<TranslationQuery> requests;
};

/// Whether a file's object is such an image rather than a platform.
bool is_translation_image(const nlohmann::ordered_json& object);
/// @param shown  the name of the file in problems; files that it names are relative to its folder
std::optional<TranslationImage> read_translation_image(const nlohmann::ordered_json& object, const std::filesystem::path& file,
                                                       const std::string& shown, ProblemSink& problems);

/// "01:00.0" or a number; nothing when it is neither.
std::optional<RequesterId> parse_requester(const std::string& text);
/// "0x1f00" or decimal; nothing when it is neither or has more than 64 bits.
std::optional<std::uint64_t> parse_number(const std::string& text);
inline constexpr Names<3> address_type_names{"untranslated", "request", "translated"};

/// What the unit answers: "result" is ok, fault, not_present (a translation request), delivered or posted (interrupts);
/// "reads" has every table entry on the way when `with_reads`.
nlohmann::ordered_json answer(const iommu::Features& features, const iommu::RemappingRegisters& registers,
                              iommu::TableMemory memory, const TranslationQuery& query, bool with_reads);

}  // namespace iov::platform
