// SPDX-License-Identifier: Apache-2.0
/// Result files: written whole or not at all, so that whoever reads them never sees a half.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace iov::experiment {

/// Writes beside the file, then renames. @throws std::filesystem::filesystem_error
void write_file(const std::filesystem::path& file, const std::string& text);

/// Moves a finished folder to its place, replacing what is there.
void replace_folder(const std::filesystem::path& from, const std::filesystem::path& to);

/// The text of a file that is known to be there; empty when it is not.
std::string read_file(const std::filesystem::path& file);

/// FNV-1a, 64 bit: tells whether two inputs are the same, no more.
class Fingerprint {
 public:
  Fingerprint& add(const std::string& text);
  std::string hex() const;

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325ull;
};

/// Of this very program's file: results of another build are not reused.
const std::string& program_fingerprint();

/// Holds a results folder while an experiment writes to it. @throws std::runtime_error when another does
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_;
};

}  // namespace iov::experiment
