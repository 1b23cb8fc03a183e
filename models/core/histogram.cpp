// SPDX-License-Identifier: Apache-2.0
#include "models/core/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace iov {

namespace {
constexpr unsigned log2_steps = 6;  // 64 steps per power of two
constexpr std::uint64_t steps = std::uint64_t{1} << log2_steps;

std::size_t bucket_of(std::uint64_t ps) {
  if (ps < steps) return ps;
  const auto shift = static_cast<unsigned>(std::bit_width(ps)) - 1 - log2_steps;
  return (shift + 1) * steps + ((ps >> shift) - steps);
}
std::uint64_t low_of(std::size_t bucket) {
  if (bucket < steps) return bucket;
  const auto shift = bucket / steps - 1;
  return (steps + bucket % steps) << shift;
}
}  // namespace

/// Grows by whole powers of two, at either end.
void Histogram::make_room(std::size_t bucket) {
  const std::size_t begin = bucket / steps * steps;
  if (counts_.empty()) first_ = begin;
  if (begin < first_) {
    counts_.insert(counts_.begin(), first_ - begin, 0);
    first_ = begin;
  }
  if (bucket - first_ >= counts_.size()) counts_.resize(begin + steps - first_);
}

Histogram::Sample::Sample(const Time& duration) : ps(to_ps(duration)), bucket(bucket_of(ps)) {}

[[gnu::always_inline]] inline void Histogram::note(std::uint64_t ps, std::size_t bucket) {
  if (bucket - first_ >= counts_.size()) make_room(bucket);  // also when it is below first_: the difference wraps
  ++counts_[bucket - first_];
  ++count_;
  sum_ns_ += static_cast<double>(static_cast<std::int64_t>(ps)) * 1e-3;  // signed: a single instruction
  min_ = std::min(min_, ps);
  max_ = std::max(max_, ps);
}

void Histogram::record(const Time& duration) {
  const std::uint64_t ps = to_ps(duration);
  note(ps, bucket_of(ps));
}

void Histogram::record(const Sample& sample) { note(sample.ps, sample.bucket); }

void Histogram::add_to(WorkingSet& set) const {
  set.add_object(*this);
  if (counts_.empty()) return;
  const auto place = [this](double ns) {
    return std::clamp(bucket_of(static_cast<std::uint64_t>(ns * 1e3)), first_, first_ + counts_.size() - 1) - first_;
  };
  const std::size_t from = place(0.9 * mean_ns()), to = place(1.1 * mean_ns());
  set.add(&counts_[from], (to - from + 1) * sizeof counts_[from]);
}

double Histogram::quantile_ns(double share) const {
  if (count_ == 0) return 0;
  const auto rank = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank)
      return static_cast<double>(std::clamp((low_of(first_ + i) + low_of(first_ + i + 1) - 1) / 2, min_, max_)) * 1e-3;
  }
  return max_ns();
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
  std::vector<Bucket> result;
  for (std::size_t i = 0; i < counts_.size(); ++i)
    if (counts_[i])
      result.push_back({static_cast<double>(low_of(first_ + i)) * 1e-3, static_cast<double>(low_of(first_ + i + 1)) * 1e-3,
                        counts_[i]});
  return result;
}

void Histogram::clear() {
  std::fill(counts_.begin(), counts_.end(), 0);
  count_ = max_ = 0;
  min_ = ~std::uint64_t{0};
  sum_ns_ = 0;
}

}  // namespace iov
