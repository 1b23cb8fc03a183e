// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/types/address_trace.h"

#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <string_view>

namespace iov::endpoint {

namespace {

constexpr std::uint32_t longest = 1u << 20;  ///< bytes of one access, as of a configured transfer

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::vector<std::string_view> columns_of(std::string_view line) {
  std::vector<std::string_view> columns;
  for (;;) {
    const auto comma = line.find(',');
    columns.push_back(trimmed(line.substr(0, comma)));
    if (comma == std::string_view::npos) return columns;
    line.remove_prefix(comma + 1);
  }
}

std::optional<std::uint64_t> number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::uint64_t whole(std::string_view text, const char* what, std::uint64_t least, std::uint64_t most) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  const auto value = hex ? number(text.substr(2), 16) : number(text, 10);
  if (!value) throw std::invalid_argument(std::string(what) + " \"" + std::string(text) + "\" is no number");
  if (*value < least || *value > most)
    throw std::invalid_argument(std::string(what) + " " + std::string(text) + " is out of range " + std::to_string(least) +
                                " .. " + std::to_string(most));
  return *value;
}

RequesterId requester_of(std::string_view text) {
  const auto colon = text.find(':'), dot = text.find('.');
  if (colon == std::string_view::npos) return {static_cast<std::uint16_t>(whole(text, "requester ID", 0, 0xffff))};
  if (dot != std::string_view::npos && dot > colon) {
    const auto bus = number(text.substr(0, colon), 16), device = number(text.substr(colon + 1, dot - colon - 1), 16),
               function = number(text.substr(dot + 1), 16);
    if (bus && device && function && *bus < 256 && *device < 32 && *function < 8)
      return {static_cast<std::uint16_t>(*bus << 8 | *device << 3 | *function)};
  }
  throw std::invalid_argument("requester ID \"" + std::string(text) + "\" is neither bb:dd.f nor a number");
}

Time time_of(std::string_view text) {
  constexpr double latest = 1e12;  // 1000 s in ns
  double ns = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ns);
  if (error != std::errc() || end != text.data() + text.size() || !(ns >= 0) || ns > latest)
    throw std::invalid_argument("time \"" + std::string(text) + "\" is no number of ns between 0 and 1e12");
  return from_fs(ns * 1e6);
}

bool write_of(std::string_view text) {
  if (text == "r" || text == "read" || text == "R") return false;
  if (text == "w" || text == "write" || text == "W") return true;
  throw std::invalid_argument("access \"" + std::string(text) + "\" is neither r nor w");
}

}  // namespace

TracedAccess parse_access(const std::string& line) {
  constexpr std::size_t wanted = 6;
  const auto columns = columns_of(line);
  if (columns.size() != wanted)
    throw std::invalid_argument(std::to_string(columns.size()) +
                                " columns instead of 6: time, requester ID, PASID, address, bytes, access");
  TracedAccess a;
  a.at = time_of(columns[0]);
  a.requester = requester_of(columns[1]);
  if (!columns[2].empty()) a.pasid.value = static_cast<std::uint32_t>(whole(columns[2], "PASID", 0, 0xf'ffff));
  a.address = Iova(whole(columns[3], "address", 0, ~std::uint64_t{0} - longest));
  a.bytes = static_cast<std::uint32_t>(whole(columns[4], "bytes", 1, longest));
  a.write = write_of(columns[5]);
  return a;
}

std::vector<TracedAccess> read_address_trace(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw AddressTraceError(file + ": cannot be read");
  std::vector<TracedAccess> accesses;
  std::string line;
  Time first, last;
  for (std::size_t n = 1; std::getline(in, line); ++n) {
    const auto text = trimmed(line);
    if (text.empty() || text.front() == '#' || text.starts_with("time")) continue;
    try {
      TracedAccess access = parse_access(line);
      if (accesses.empty()) first = last = access.at;
      if (access.at < last) throw std::invalid_argument("time lies before that of the access above");
      last = access.at;
      access.at -= first;
      accesses.push_back(access);
    } catch (const std::invalid_argument& wrong) {
      throw AddressTraceError(file + ", line " + std::to_string(n) + ": " + wrong.what());
    }
  }
  if (accesses.empty()) throw AddressTraceError(file + ": holds no access");
  return accesses;
}

}  // namespace iov::endpoint
