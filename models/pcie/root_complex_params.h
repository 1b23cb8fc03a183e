// SPDX-License-Identifier: Apache-2.0
/// Params of the root complex.
#pragma once
#include "models/core/params.h"
#include "models/core/units.h"
#include "models/pcie/completions.h"

namespace iov::pcie {

struct RootComplexParams {
  Time inbound_latency{110, sc_core::SC_NS};
  Time completion_latency{110, sc_core::SC_NS};
  Time outbound_latency{150, sc_core::SC_NS};
  unsigned write_lines = 92;
  unsigned read_lines = 164;
  unsigned tags = 32;
  Time completion_timeout{50, sc_core::SC_MS};
  Time config_retry{10, sc_core::SC_US};
  CompletionSplit completion_split = CompletionSplit::max_payload;

  template <class V>
  void describe(V& v) {
    const Range<Time> latency{Time(), Time(10, sc_core::SC_US)};
    const char* broadwell =
        "calibrated: 64 B DMA read of 480 ns without DMA engine (LLC hit, Broadwell), pcie-bench data set, SIGCOMM 2018";
    const char* hostnet = "Xeon root port: ~92 posted and >= 164 read lines, Vuppalapati et al., SIGCOMM 2024";
    v.field("inbound_latency", inbound_latency, latency,
            "from a TLP's translation to its memory access; from a completion's arrival to the core", broadwell);
    v.field("completion_latency", completion_latency, latency, "from the memory's answer to the completion's departure",
            broadwell);
    v.field("outbound_latency", outbound_latency, latency, "from a core's access to the request's departure",
            "calibrated: MMIO read round trips of 740 to 900 ns");
    v.field("write_lines", write_lines, Range<unsigned>{65, 4096, "64 B"},
            "64 B lines of posted writes between translation and commit, all root ports", hostnet);
    v.field("read_lines", read_lines, Range<unsigned>{65, 4096, "64 B"},
            "64 B lines of reads between translation and completion, all root ports", hostnet);
    v.field("tags", tags, Range<unsigned>{1, 768}, "MMIO reads and configuration requests in flight", "PCIe Base 5.0 2.2.6.2: 5-bit tags");
    v.field("completion_timeout", completion_timeout, Range<Time>{Time(50, sc_core::SC_US), Time(64, sc_core::SC_SEC)},
            "after which an MMIO read or a configuration request returns all ones", "PCIe Base 5.0 7.5.3.16: default range 50 us to 50 ms");
    v.field("config_retry", config_retry, Range<Time>{Time(100, sc_core::SC_NS), Time(10, sc_core::SC_MS)},
            "until a configuration request whose completion asked for a retry is sent again; for completion_timeout in all",
            no_source);
    v.choice("completion_split", completion_split, completion_split_names, "largest completion of a read",
             "both seen by pcie-bench, Neugebauer et al., SIGCOMM 2018");
  }
};

}  // namespace iov::pcie
