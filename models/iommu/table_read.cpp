// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/table_read.h"

#include <cstdio>

namespace iov::iommu {

namespace {
constexpr std::uint64_t page_bits = 0x000f'ffff'ffff'f000;

/// "NAME=value NAME=value": single bits and fields in decimal, addresses in hexadecimal.
class Fields {
 public:
  explicit Fields(std::uint64_t word) : word_(word) {}
  Fields& of(std::uint64_t word) { return word_ = word, *this; }
  Fields& bit(const char* name, unsigned at) { return number(name, word_ >> at & 1); }
  Fields& field(const char* name, unsigned low, unsigned count) {
    return number(name, word_ >> low & ((std::uint64_t{1} << count) - 1));
  }
  Fields& page(const char* name) { return hex(name, word_ & page_bits); }
  Fields& number(const char* name, std::uint64_t value) { return text(name, std::to_string(value)); }
  Fields& hex(const char* name, std::uint64_t value) {
    char digits[24];
    std::snprintf(digits, sizeof digits, "0x%llx", static_cast<unsigned long long>(value));
    return text(name, digits);
  }
  Fields& text(const char* name, const std::string& value) {
    text_ += (text_.empty() ? "" : " ") + std::string(name) + "=" + value;
    return *this;
  }
  std::string done() const { return text_; }

 private:
  std::uint64_t word_;
  std::string text_;
};

std::string root_text(const TableRead& r) {
  Fields f(r.words[0]);
  if (!r.scalable) return f.bit("P", 0).page("context_table").done();
  f.bit("LP", 0).page("lower_context_table");
  return f.of(r.words[1]).bit("UP", 0).page("upper_context_table").done();
}

std::string context_text(const TableRead& r) {
  Fields f(r.words[0]);
  f.bit("P", 0).bit("FPD", 1);
  if (!r.scalable) {
    static const char* const types[] = {"untranslated_only", "with_ats", "pass_through", "reserved"};
    f.text("TT", types[r.words[0] >> 2 & 3]).page("second_stage_table");
    return f.of(r.words[1]).number("levels", (r.words[1] & 7) + 2).field("domain", 8, 16).done();
  }
  f.bit("DTE", 2).bit("PASIDE", 3).bit("PRE", 4).number("directory_entries", std::uint64_t{128} << (r.words[0] >> 9 & 7));
  return f.page("pasid_directory").of(r.words[1]).field("RID_PASID", 0, 20).done();
}

std::string pasid_text(const TableRead& r) {
  static const char* const types[] = {"reserved",     "first_stage", "second_stage", "nested",
                                      "pass_through", "reserved",    "reserved",     "reserved"};
  const auto type = r.words[0] >> 6 & 7;
  Fields f(r.words[0]);
  f.bit("P", 0).bit("FPD", 1).text("PGTT", types[type]).of(r.words[1]).field("domain", 0, 16);
  if (type == 2 || type == 3)
    f.of(r.words[0]).number("second_levels", (r.words[0] >> 2 & 7) + 2).bit("SSADE", 9).page("second_stage_table");
  if (type == 1 || type == 3) {
    f.of(r.words[2]).number("first_levels", (r.words[2] >> 2 & 3) + 4).bit("SRE", 0).bit("ERE", 1).bit("WPE", 4);
    f.bit("NXE", 5).bit("EAFE", 7).page("first_stage_table");
  }
  return f.done();
}

const char* target(const TableRead& r) {
  const bool leaf = r.level == 1 || (r.level <= 3 && (r.words[0] >> 7 & 1));
  return leaf ? "page" : "next_table";
}

std::string first_text(const TableRead& r) {
  Fields f(r.words[0]);
  f.bit("P", 0).bit("RW", 1).bit("US", 2).bit("A", 5).bit("D", 6).bit("PS", 7).bit("G", 8);
  return f.bit("XD", 63).page(target(r)).done();
}

std::string second_text(const TableRead& r) {
  Fields f(r.words[0]);
  f.bit("R", 0).bit("W", 1).bit("X", 2).bit("PS", 7).bit("A", 8).bit("D", 9).bit("SNP", 11).bit("TM", 62);
  return f.page(target(r)).done();
}

std::string interrupt_text(const TableRead& r) {
  const std::uint64_t lo = r.words[0], hi = r.words[1];
  Fields f(lo);
  f.bit("P", 0).bit("FPD", 1).bit("IM", 15).hex("vector", lo >> 16 & 0xff);
  if (lo >> 15 & 1)
    f.bit("URG", 14).hex("descriptor", (lo >> 38) << 6 | (hi >> 32) << 32);
  else
    f.bit("DM", 2).bit("RH", 3).bit("TM", 4).field("DLM", 5, 3).hex("destination", lo >> 32);
  return f.hex("SID", hi & 0xffff).of(hi).field("SQ", 16, 2).field("SVT", 18, 2).done();
}

std::string posted_text(const TableRead& r) {
  Fields f(r.words[4]);
  f.bit("ON", 0).bit("SN", 1).hex("NV", r.words[4] >> 16 & 0xff).hex("NDST", r.words[4] >> 32);
  for (unsigned i = 0; i < 4; ++i)
    if (r.words[i]) f.hex(("PIR" + std::to_string(64 * i)).c_str(), r.words[i]);
  return f.done();
}
}  // namespace

std::string table_name(const TableRead& r) {
  const std::string level = ", level " + std::to_string(r.level);
  switch (r.kind) {
    case TableKind::root: return "root entry";
    case TableKind::context: return "context entry";
    case TableKind::pasid_directory: return "PASID directory entry";
    case TableKind::pasid_entry: return "PASID table entry";
    case TableKind::first_stage: return "first-stage entry" + level;
    case TableKind::second_stage: return "second-stage entry" + level + (r.for_table ? ", for a first-stage table" : "");
    case TableKind::interrupt_entry: return "interrupt remapping entry";
    case TableKind::posted_descriptor: return "posted-interrupt descriptor";
  }
  return {};
}

std::string table_text(const TableRead& r) {
  if (!r.readable) return "no such memory";
  switch (r.kind) {
    case TableKind::root: return root_text(r);
    case TableKind::context: return context_text(r);
    case TableKind::pasid_directory: return Fields(r.words[0]).bit("P", 0).bit("FPD", 1).page("pasid_table").done();
    case TableKind::pasid_entry: return pasid_text(r);
    case TableKind::first_stage: return first_text(r);
    case TableKind::second_stage: return second_text(r);
    case TableKind::interrupt_entry: return interrupt_text(r);
    case TableKind::posted_descriptor: return posted_text(r);
  }
  return {};
}

}  // namespace iov::iommu
