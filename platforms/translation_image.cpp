// SPDX-License-Identifier: Apache-2.0
#include "platforms/translation_image.h"

#include <charconv>
#include <cstdio>

#include "platforms/json_file.h"
#include "platforms/json_params.h"

namespace iov::platform {

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

enum class Mode : std::uint8_t { as_in_rtaddr, legacy, scalable, abort };

/// The parts of the file as parameter structs: unknown keys and wrong types are found by the reader of all of them.
struct RegistersText {
  std::string rtaddr, irta = "0";
  Mode mode = Mode::as_in_rtaddr;
  bool translation = true, interrupt_remapping = true, compatibility_format = false;
  template <class V>
  void describe(V& v) {
    v.text("rtaddr", rtaddr, "RTADDR_REG: root table, mode in bits 11:10", no_source);
    v.choice("mode", mode, Names<4>{"as_in_rtaddr", "legacy", "scalable", "abort"}, "above bits 11:10 of rtaddr", no_source);
    v.text("irta", irta, "IRTA_REG", no_source);
    v.flag("translation", translation, "GSTS.TES", no_source);
    v.flag("interrupt_remapping", interrupt_remapping, "GSTS.IRES", no_source);
    v.flag("compatibility_format", compatibility_format, "GSTS.CFIS", no_source);
  }
};

struct MemoryText {
  std::string address, bytes, file;
  template <class V>
  void describe(V& v) {
    v.text("address", address, "of the first byte", no_source);
    v.text("bytes", bytes, "hexadecimal, two digits each", no_source);
    v.text("file", file, "raw bytes", no_source);
  }
};

struct RequestText {
  std::string rid, pasid, address, data;
  Access access = Access::read;
  AddressType at = AddressType::untranslated;
  template <class V>
  void describe(V& v) {
    v.text("rid", rid, "requester", no_source);
    v.text("pasid", pasid, "PASID of the request", no_source);
    v.text("address", address, "asked for", no_source);
    v.choice("access", access, Names<3>{"r", "w", "x"}, "kind of access", no_source);
    v.choice("at", at, address_type_names, "address type of the TLP", no_source);
    v.text("data", data, "of an interrupt message", no_source);
  }
};

class ImageReader {
 public:
  ImageReader(const Json& object, const fs::path& file, const std::string& shown, ProblemSink& problems)
      : object_(object), file_(file), shown_(shown), problems_(problems) {}

  std::optional<TranslationImage> read() {
    const std::size_t before = problems_.size();
    for (const auto& [key, value] : object_.items())
      if (!is_remark(key) && key != "registers" && key != "features" && key != "memory" && key != "requests")
        report("", unknown_name("key", key, {"registers", "features", "memory", "requests"}));
    read_params("features", part("features", Json::object()), image_.features);
    read_registers();
    each("memory", [this](const Json& item, const std::string& where) { read_memory(item, where); });
    each("requests", [this](const Json& item, const std::string& where) { read_request(item, where); });
    if (problems_.size() > before) return std::nullopt;
    return std::move(image_);
  }

 private:
  void report(const std::string& where, const std::string& what) { problems_.add_in(shown_, where, what); }
  Json part(const char* key, const Json& otherwise) const { return object_.contains(key) ? object_.at(key) : otherwise; }

  template <class F>
  void each(const char* key, F&& read_item) {
    constexpr std::size_t most_shown = 20;  // problems; a list may be long
    const Json list = part(key, Json::array());
    if (!list.is_array()) return report(key, "must be a list");
    const std::size_t before = problems_.size();
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (problems_.size() - before >= most_shown)
        return report(key, "of " + std::to_string(list.size()) + " entries those from [" + std::to_string(i) + "] on were not read");
      read_item(list[i], std::string(key) + "[" + std::to_string(i) + "]");
    }
  }

  /// @returns whether it had no problem; numbers may stand where texts are read
  template <class Params>
  bool read_params(const std::string& where, const Json& given, Params& params) {
    if (!given.is_object()) return report(where, "must be an object"), false;
    ProblemSink found;
    JsonReader(nlohmann::json(given), found).read(params);
    for (const Problem& p : found.list()) report(joined_path(where, p.path), p.what);
    return found.empty();
  }
  static Json with_texts(Json item) {
    if (item.is_object())
      for (auto& [key, value] : item.items())
        if (value.is_number_integer()) value = value.dump();
    return item;
  }

  std::uint64_t number(const std::string& where, const std::string& text, std::uint64_t limit) {
    const auto value = parse_number(text);
    if (text.empty())
      report(where, "is missing");
    else if (!value)
      report(where, "\"" + text + "\" is not a number: 0x1f00 or decimal");
    else if (*value > limit)
      report(where, text + " is larger than " + std::to_string(limit));
    else
      return *value;
    return 0;
  }

  void read_registers() {
    RegistersText r;
    if (!object_.contains("registers")) return report("registers", "is missing");
    if (!read_params("registers", with_texts(object_.at("registers")), r)) return;
    constexpr std::uint64_t mode_bits[] = {0, vtd::rtaddr_legacy, vtd::rtaddr_scalable, vtd::rtaddr_abort};
    image_.registers = {number("registers.rtaddr", r.rtaddr, ~0ull), number("registers.irta", r.irta, ~0ull), r.translation,
                        r.interrupt_remapping, r.compatibility_format};
    if (r.mode != Mode::as_in_rtaddr)
      image_.registers.root_table =
          (image_.registers.root_table & ~vtd::rtaddr_abort) | mode_bits[static_cast<std::size_t>(r.mode)];
  }

  void read_memory(const Json& item, const std::string& where) {
    MemoryText m;
    if (!read_params(where, with_texts(item), m)) return;
    const std::uint64_t address = number(where + ".address", m.address, ~0ull);
    if (m.bytes.empty() == m.file.empty()) return report(where, "needs \"bytes\" or \"file\", one of them");
    if (!m.file.empty()) {
      const auto bytes = read_text(file_.parent_path() / m.file, m.file, problems_);
      if (bytes) put(where, address, {reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()});
      return;
    }
    if (m.bytes.size() % 2 != 0 || m.bytes.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      return report(where + ".bytes", "must be hexadecimal, two digits for each byte");
    std::vector<std::uint8_t> bytes(m.bytes.size() / 2);
    for (std::size_t i = 0; i < bytes.size(); ++i) std::from_chars(&m.bytes[2 * i], &m.bytes[2 * i] + 2, bytes[i], 16);
    put(where, address, bytes);
  }

  /// What two entries say of one byte must agree: which of them is the dump's?
  void put(const std::string& where, std::uint64_t address, std::span<const std::uint8_t> bytes) {
    const std::uint64_t limit = std::uint64_t{1} << image_.features.host_address_bits;
    if (address >= limit || bytes.size() > limit - address)
      return report(where, "does not fit into " + std::to_string(image_.features.host_address_bits) +
                               " address bits (features.host_address_bits)");
    if (const auto other = image_.memory.put(address, bytes)) {
      char text[24];
      std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(*other));
      report(where, std::string("says of the byte at ") + text + " something else than an entry before it");
    }
  }

  void read_request(const Json& item, const std::string& where) {
    RequestText r;
    if (!read_params(where, with_texts(item), r)) return;
    TranslationQuery q;
    q.access = r.access, q.at = r.at;
    const auto requester = parse_requester(r.rid);
    if (!requester) report(where + ".rid", "\"" + r.rid + "\" is not a requester: 01:00.0 or a number to 65535");
    q.requester = requester.value_or(RequesterId{});
    q.address = number(where + ".address", r.address, ~0ull);
    if (!r.pasid.empty()) q.pasid.value = static_cast<std::uint32_t>(number(where + ".pasid", r.pasid, 0xf'ffff));
    if (!r.data.empty()) q.data = static_cast<std::uint32_t>(number(where + ".data", r.data, 0xffff'ffff));
    if (q.data && !is_interrupt_address(q.address))
      report(where + ".data", "is for interrupt messages: their addresses are 0xfee00000 to 0xfeefffff");
    if (q.data && q.pasid.present()) report(where + ".pasid", "is none of an interrupt message");
    image_.requests.push_back(q);
  }

  const Json& object_;
  const fs::path file_;
  const std::string shown_;
  ProblemSink& problems_;
  TranslationImage image_;
};

}  // namespace

bool is_translation_image(const Json& object) { return object.contains("registers") && !object["registers"].contains("kind"); }

std::optional<TranslationImage> read_translation_image(const Json& object, const fs::path& file, const std::string& shown,
                                                       ProblemSink& problems) {
  return ImageReader(object, file, shown, problems).read();
}

std::optional<std::uint64_t> parse_number(const std::string& text) {
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  const char *begin = text.data() + (hexadecimal ? 2 : 0), *end = text.data() + text.size();
  std::uint64_t value = 0;
  const auto [rest, error] = std::from_chars(begin, end, value, hexadecimal ? 16 : 10);
  if (begin == end || error != std::errc() || rest != end) return std::nullopt;
  return value;
}

std::optional<RequesterId> parse_requester(const std::string& text) {
  unsigned bus = 0, device = 0, function = 0;
  int used = 0;
  if (std::sscanf(text.c_str(), "%2x:%2x.%1u%n", &bus, &device, &function, &used) == 3 &&
      static_cast<std::size_t>(used) == text.size() && device < 32 && function < 8)
    return RequesterId{static_cast<std::uint16_t>(bus << 8 | device << 3 | function)};
  const auto number = parse_number(text);
  if (!number || *number > 0xffff) return std::nullopt;
  return RequesterId{static_cast<std::uint16_t>(*number)};
}

}  // namespace iov::platform
