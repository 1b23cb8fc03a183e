// SPDX-License-Identifier: Apache-2.0
/// Reading JSON files, and where files are found.
///
/// Comments (// and /* */) are allowed. A key that appears twice in one object is a problem.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "platforms/problem.h"

namespace iov::platform {

/// The text of a file; reports and returns nothing when it cannot be read.
std::optional<std::string> read_text(const std::filesystem::path& file, const std::string& shown,
                                     ProblemSink& problems);

/// @param shown  the name of the file in problems
std::optional<nlohmann::ordered_json> parse_json(const std::string& text, const std::string& shown,
                                                 ProblemSink& problems);

std::optional<nlohmann::ordered_json> load_json(const std::filesystem::path& file, const std::string& shown,
                                                ProblemSink& problems);

/// The repository: the nearest folder at or above `start` that has configs/ and platforms/; first
/// $IOVSIM_HOME, then above `start`, above the working directory, above the program itself.
std::filesystem::path find_home(const std::filesystem::path& start);
/// Makes it the working directory: file names of a configuration start there.
void enter_home(const std::filesystem::path& start);

/// A file named in a file: relative to the repository, else to the folder of the file that names it. Named on the command
/// line (`named_in` empty): relative to the working directory, else to the repository.
std::optional<std::filesystem::path> find_file(const std::string& name, const std::filesystem::path& home,
                                               const std::filesystem::path& named_in);

/// The name of a file from `home` when it is in there, else its whole path.
std::string portable_name(const std::filesystem::path& file, const std::filesystem::path& home);

}  // namespace iov::platform
