// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/types/dma_bench.h"

namespace iov::endpoint {

namespace {
constexpr std::uint32_t bar_bytes = 4096;
}

DmaBench::DmaBench(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
                   std::uint64_t seed)
    : Endpoint(name, timeline, params, port),
      params_(params),
      transfers_("transfers", timeline, params.transfers, dma_engine(), seed) {
  function_enabled(0);
}

bool DmaBench::set_windows(const std::vector<std::uint64_t>& bases) {
  const auto vfs = static_cast<unsigned>(bases.size() - 1);
  if (vfs > 0 && !enable_vfs(vfs)) return false;
  for (unsigned f = 0; f < bases.size(); ++f) transfers_.add_requester(requester(f), bases[f]);
  return true;
}

void DmaBench::function_enabled(unsigned index) { add_function(index, 1, bar_bytes); }

}  // namespace iov::endpoint
