// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/types/dma_bench.h"

namespace iov::endpoint {

namespace {
config::SriovDeviceResources resources(const Bytes& bar) {
  return {.class_code = 0x120000,  // processing accelerator
          .bar_bytes = bar.count,
          .vf_bar_bytes = bar.count,
          .vectors = 1,
          .vf_vectors = 1,
          .ats = {}, .acs = {}, .pri = {},
          .pasid = config::PasidCapability{}};
}
}

DmaBench::DmaBench(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
                   std::uint64_t seed)
    : Endpoint(name, timeline, params, resources(params.bar_size), port),
      params_(params),
      transfers_("transfers", timeline, params.transfers, dma_engine(), seed) {}

void DmaBench::set_windows(const std::vector<std::uint64_t>& bases) {
  for (unsigned t = 0; t < bases.size(); ++t) transfers_.add_requester(tenant(t).requester, tenant(t).pasid, bases[t]);
  for (unsigned f = 0; f < (by_function() ? bases.size() : 1); ++f) apply_controls(f);
}

/// PASID 0 is left to requests without one, as Linux does.
DmaBench::Tenant DmaBench::tenant(unsigned index) const {
  if (by_function()) return {requester(index), {}};
  return {requester(0), {index + 1}};
}

}  // namespace iov::endpoint
