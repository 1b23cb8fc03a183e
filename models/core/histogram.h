// SPDX-License-Identifier: Apache-2.0
/// Histogram -- durations at high dynamic range: 64 linear steps per power of two of picoseconds, so a quantile is
/// within 1/64 (1.6 %) of the sample; count, sum, minimum and maximum are exact.
///
/// Memory  8 bytes per step between the smallest and the largest sample, rounded out to powers of two.
/// Units   samples are simulated time; results in ns.
#pragma once
#include <cstdint>
#include <vector>

#include "models/core/prefetch.h"
#include "models/core/units.h"

namespace iov {

class Histogram {
 public:
  struct Bucket {
    double low_ns, high_ns;
    std::uint64_t count;
  };

  /// A duration as record() needs it, for one that several histograms record.
  struct Sample {
    explicit Sample(const Time& duration);
    std::uint64_t ps;
    std::size_t bucket;
  };
  void record(const Time& duration);
  void record(const Sample& sample);
  std::uint64_t count() const { return count_; }
  double mean_ns() const { return count_ ? sum_ns_ / static_cast<double>(count_) : 0; }
  double min_ns() const { return count_ ? static_cast<double>(min_) * 1e-3 : 0; }
  double max_ns() const { return static_cast<double>(max_) * 1e-3; }
  /// @param share  0..1; the sample at rank ceil(share * count); 0 when empty
  double quantile_ns(double share) const;
  std::vector<Bucket> buckets() const;  ///< the occupied ones, ascending
  void clear();
  void add_to(WorkingSet& set) const;  ///< as if the next sample were about the mean of those before

 private:
  void note(std::uint64_t ps, std::size_t bucket);
  [[gnu::cold]] void make_room(std::size_t bucket);

  std::vector<std::uint64_t> counts_;  ///< of the buckets from first_ on
  std::size_t first_ = 0;
  std::uint64_t count_ = 0, min_ = ~std::uint64_t{0}, max_ = 0;
  double sum_ns_ = 0;
};

}  // namespace iov
