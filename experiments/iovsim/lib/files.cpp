// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace iov::experiment {

namespace fs = std::filesystem;

void write_file(const fs::path& file, const std::string& text) {
  fs::path temporary = file;
  temporary += ".new";
  errno = 0;
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) throw fs::filesystem_error("cannot write", file, std::error_code(errno ? errno : EIO, std::generic_category()));
  fs::rename(temporary, file);
}

void replace_folder(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::rename(from, to);
}

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  return text.str();
}

Fingerprint& Fingerprint::add(const std::string& text) {
  for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  hash_ = (hash_ ^ 0xff) * 0x100000001b3ull;  // "ab" "c" is not "a" "bc"
  return *this;
}

std::string Fingerprint::hex() const {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash_));
  return text;
}

const std::string& program_fingerprint() {
  static const std::string hex = Fingerprint().add(read_file("/proc/self/exe")).hex();
  return hex;
}

FolderLock::FolderLock(const fs::path& folder) {
  const fs::path lock = folder / ".lock";
  file_ = ::open(lock.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (file_ < 0) throw fs::filesystem_error("cannot write", folder, std::error_code(errno, std::generic_category()));
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(file_);
  throw std::runtime_error("another run is writing to " + folder.string());
}

FolderLock::~FolderLock() { ::close(file_); }

}  // namespace iov::experiment
