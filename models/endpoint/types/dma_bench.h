// SPDX-License-Identifier: Apache-2.0
/// DmaBench -- an accelerator that does nothing but DMA: a PF, VFs, and transfers of a chosen pattern.
///
/// Spec    pcie-bench (Neugebauer et al., SIGCOMM 2018); SR-IOV: PCIe Base 5.0 ch. 9.
/// Models  see SPEC.md and transfer_source.h.
/// Omits   registers: BAR 0 is memory whose bytes are not kept (reads answer 0); interrupts: the results stay in the device.
#pragma once
#include "models/endpoint/endpoint.h"
#include "models/endpoint/types/transfer_source.h"

namespace iov::endpoint {

struct DmaBenchParams : Endpoint::Params {
  TransferParams transfers;
  Bytes bar_size = 4_KiB;

  DmaBenchParams() {  // pci.ids: Netronome NFP-6000, the device of pcie-bench, and its VF
    functions.vendor_id = 0x19ee, functions.device_id = 0x6000, functions.vf_device_id = 0x6003;
    functions.subsystem_id = 0x6000;
  }
  template <class V>
  void describe(V& v) {
    Endpoint::Params::describe(v);
    transfers.describe(v);
    v.field("bar_size", bar_size, Range<Bytes>{4_KiB, 1_MiB}, "memory behind BAR 0 of each function, for peers", no_source);
    v.require((bar_size.count & (bar_size.count - 1)) == 0, "bar_size must be a power of two");
    v.require(transfers.access.tenants == Tenants::pasids ||
                  transfers.access.requesters <= functions.physical_functions * (functions.total_vfs + 1),
              "requesters must be at most physical_functions * (total_vfs + 1) of functions");
  }
};

class DmaBench : public Endpoint {
 public:
  using Params = DmaBenchParams;
  /// @throws AddressTraceError
  DmaBench(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
           std::uint64_t seed);

  const Params& params() const { return params_; }
  struct Tenant {
    RequesterId requester;
    Pasid pasid;
  };
  Tenant tenant(unsigned index) const;
  /// A tenant per base, function or PASID, whose window begins there; those it speaks of must exist.
  void set_windows(const std::vector<std::uint64_t>& bases);
  TransferSource& transfers() { return transfers_; }

 private:
  void write_register(unsigned, std::uint32_t, std::uint64_t, unsigned, JourneyRef) override {}
  std::uint64_t read_register(unsigned, std::uint32_t, unsigned) override { return 0; }
  bool has_memory() const override { return true; }
  void function_enabled(unsigned) override {}
  bool by_function() const { return params_.transfers.access.tenants == Tenants::functions; }
  void function_disabled(unsigned) override {}
  void requester_changed(unsigned) override {}

  const Params params_;
  TransferSource transfers_;
};

}  // namespace iov::endpoint
