// SPDX-License-Identifier: Apache-2.0
/// LinePool -- storage for lines of 64 B in runs of 1, 2, 4 .. 64, close together whatever they are for.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace iov::host {

class LinePool {
 public:
  static constexpr unsigned log2_line = 6, log2_longest = 6;
  static constexpr std::uint64_t line_bytes = std::uint64_t{1} << log2_line;
  struct alignas(line_bytes) Line {
    std::array<std::uint8_t, line_bytes> bytes;
  };

  /// A run of 2^log2 lines with any contents.
  Line* take(unsigned log2) {
    if (auto& given = given_[log2]; !given.empty()) {
      Line* run = given.back();
      given.pop_back();
      return run;
    }
    const std::size_t lines = std::size_t{1} << log2;
    if (block_lines - used_ < lines) blocks_.push_back(std::make_unique_for_overwrite<Block>()), used_ = 0;
    return &(*blocks_.back())[std::exchange(used_, used_ + lines)];
  }
  void give_back(Line* run, unsigned log2) { given_[log2].push_back(run); }

 private:
  static constexpr std::size_t block_lines = 4096;
  using Block = std::array<Line, block_lines>;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::size_t used_ = block_lines;  ///< of the last block
  std::array<std::vector<Line*>, log2_longest + 1> given_;
};

}  // namespace iov::host
