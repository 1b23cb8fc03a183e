// SPDX-License-Identifier: Apache-2.0
/// A row of the benchmark: one kind of work, measured in a process of its own, because SystemC elaborates once.
///
/// Units  host time is CPU time of the process, in ns: other programs on the machine disturb it least.
#pragma once
#include <cstdint>
#include <ctime>
#include <vector>

namespace iov::bench {

struct Measurement {
  double ns = 0;      ///< host time per operation
  double events = 0;  ///< timeline (or kernel) events per operation
};

struct Row {
  const char* what;
  const char* unit;  ///< of one operation
  double goal;       ///< in raw kernel events, or in times of another row; 0: none
  Measurement (*measure)();
  const char* of = nullptr;  ///< the row that the goal is relative to: the same with 8 tenants or VFs
};

/// CPU time since it was made.
class Stopwatch {
 public:
  double ns() const { return read() - begin_; }

 private:
  static double read() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
  }
  double begin_ = read();
};

std::vector<Row> event_rows();
std::vector<Row> read_rows();
std::vector<Row> packet_rows();
std::vector<Row> tenant_rows();
std::vector<Row> vf_rows();

}  // namespace iov::bench
