// SPDX-License-Identifier: Apache-2.0
/// Goodput of a saturated link against the formula
///   goodput = TLP bandwidth * data / (data + overheads of the TLPs in the busier direction)
/// with 24 B per write and read request (64-bit addresses) and 20 B per completion.
/// Source of the figures: pcie-bench model, Neugebauer et al., SIGCOMM 2018, Gen3 x8, MPS 256, MRRS 512, RCB 64.
#include "tests/timed/pcie/root_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace {
constexpr double tolerance = 0.01;
struct Figure {
  std::uint32_t size;
  double gbps;
};

/// A device that always has `limit` transfers under way: a write, a read or both per transfer.
struct Saturator {
  RootBench& b;
  bool writes, reads;
  std::uint32_t size;
  unsigned limit, started = 0, total;
  std::vector<std::uint32_t> owed;  ///< bytes by transfer, still to come
  std::vector<Time> finished;
  Saturator(RootBench& bench, bool w, bool r, std::uint32_t s)
      : b(bench), writes(w), reads(r), size(s), limit(std::min(256u * 512 / s / 2, 128u)), total(4000 + 200'000 / s) {
    if (limit == 0) limit = 4;
    b.device.on_arrival(bind<&Saturator::arrived>(this));
    owed.assign(total, size);
  }
  void start() {
    const unsigned transfer = started++;
    if (reads) pieces(512, [&](std::uint32_t at, std::uint32_t bytes) {
        b.send(memory_read(bytes, static_cast<std::uint16_t>(transfer % limit), 0x1'0000'0000 + at));
      });
    if (writes) pieces(256, [&](std::uint32_t at, std::uint32_t bytes) { b.send(memory_write(bytes, 0, 0x1'0000'0000 + at)); });
  }
  template <class Send>
  void pieces(std::uint32_t chunk, Send send) {
    for (std::uint32_t at = 0; at < size; at += chunk) send(at, std::min(chunk, size - at));
  }
  void arrived() {
    for (Tlp tlp; b.device.take(tlp);) {
      b.device.release(tlp.fc(), tlp.payload());
      received(tlp);
    }
  }
  // Tags name the transfer modulo the limit: transfers of one tag never overlap.
  void received(const Tlp& tlp) {
    const auto transfer = oldest_of(tlp.tag);
    owed[transfer] -= tlp.length;
    if (owed[transfer] > 0) return;
    finished.push_back(b.timeline.now());
    if (started < total) start();
  }
  std::size_t oldest_of(std::uint16_t tag) const {
    std::size_t transfer = tag;
    while (owed[transfer] == 0) transfer += limit;
    return transfer;
  }
  /// Gb/s of data per direction, without the first quarter and the last tenth.
  static double rate(const std::vector<Time>& times, double bytes_each) {
    const std::size_t from = times.size() / 4, to = times.size() * 9 / 10;
    return bytes_each * 8 * static_cast<double>(to - from) / to_ns(times[to] - times[from]);
  }
  double run() {
    if (!reads) {
      while (started < total) start();
    } else {
      while (started < std::min(limit, total)) start();
    }
    b.memory.log.clear();
    b.run(Time(10, sc_core::SC_MS));
    if (reads) return rate(finished, size);
    std::vector<Time> commits;  // a write transfer is done with its last piece
    const std::size_t parts = (size + 255) / 256;
    for (std::size_t i = parts - 1; i < b.memory.log.size(); i += parts) commits.push_back(b.memory.log[i].when);
    return rate(commits, size);
  }
};

struct LinkOnly : RootBench {  ///< memory and translation that never limit
  explicit LinkOnly(const RootComplexParams& params = {}) : RootBench(params) {
    memory.read_latency = memory.write_latency = 10_ns;
    translator.latency = Time();
    translator.offset = 0 - std::uint64_t{0x1'0000'0000};
    rc.set_translator(&translator);
  }
  void check(bool writes, bool reads, std::initializer_list<Figure> figures) {
    for (const Figure& figure : figures) {
      INFO(figure.size << " B");
      CHECK(Saturator(*this, writes, reads, figure.size).run() == Approx(figure.gbps).epsilon(tolerance));
      audit(Invariant::at_rest, timeline.now());
    }
  }
};
}  // namespace

TEST_CASE("goodput: DMA writes reach the closed form") {
  LinkOnly b;
  b.check(true, false, {{64, 42.0980}, {128, 48.7451}, {256, 52.9232}, {320, 50.3346}, {512, 52.9232},
                        {1500, 52.8146}, {4096, 52.9232}});
}

TEST_CASE("goodput: DMA reads reach the closed form") {
  LinkOnly b;
  b.check(false, true, {{64, 44.1027}, {128, 50.0625}, {256, 53.6902}, {320, 51.4531}, {512, 53.6902},
                        {1500, 53.5970}, {4096, 53.6902}});
}

TEST_CASE("goodput: DMA reads with completions cut at the RCB reach the closed form") {
  RootComplexParams params;
  params.completion_split = CompletionSplit::read_completion_boundary;
  LinkOnly b(params);
  b.check(false, true, {{64, 44.1027}, {96, 40.8598}, {512, 44.1027}, {1500, 43.8521}, {2048, 44.1027}});
}

TEST_CASE("goodput: DMA reads and writes together reach the closed form") {
  LinkOnly b;
  b.check(true, true, {{64, 33.0770}, {128, 42.0980}, {256, 48.7451}, {320, 47.2529}, {512, 50.7483},
                       {1500, 50.5986}, {4096, 50.7483}});
}
