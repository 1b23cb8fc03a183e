// SPDX-License-Identifier: Apache-2.0
/// The folders that a run writes, and what of an earlier run in them still stands: a results folder holds one sweep and
/// nothing of another.
///
/// Only what this program wrote is ever taken away: files and point folders that hold anything else stay.
#pragma once
#include <filesystem>
#include <set>
#include <string>

namespace iov::experiment {

inline constexpr const char* point_description = "One point of an experiment, every default included: iovsim run reproduces it.";

/// Of every result file of a point as it is on disk, but host.json.
std::string digest_of(const std::filesystem::path& point);

/// Whether a point's folder holds finished results with this fingerprint, whole and as they were written.
bool is_done(const std::filesystem::path& point, const std::string& fingerprint);

/// Whether it is a point's folder with nothing in it that this program does not write.
bool is_point_folder(const std::filesystem::path& point);

/// Takes away the points that are not among `valid` (by id), and what was begun and not finished.
/// @return whether there were any
bool drop_other_points(const std::filesystem::path& results, const std::set<std::string>& valid);

/// Takes away table, report and figures, which show what is not so any more. A folder without experiment.json is none of ours.
void drop_tables(const std::filesystem::path& results);
void drop_figures(const std::filesystem::path& results);

}  // namespace iov::experiment
