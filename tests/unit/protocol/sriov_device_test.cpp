// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/sriov_device.h"

#include <catch2/catch.hpp>
#include <memory>
#include <set>

#include "tests/unit/protocol/config_samples.h"
using namespace iov;
using namespace iov::config;
using namespace iov::config::samples;

namespace {
using Functions = std::vector<std::unique_ptr<PhysicalFunction>>;

Functions make(const SriovDeviceParams& params) {
  Functions device;
  for (unsigned pf = 0; pf < params.physical_functions; ++pf)
    device.push_back(
        std::make_unique<PhysicalFunction>(config::physical_function(params, {}, pf, PciExpressCapability{}),
                                           RequesterId{static_cast<std::uint16_t>(0x0100 + pf)}));
  return device;
}
/// Every function's ID, VFs enabled; fails when two share one.
std::set<std::uint16_t> all_ids(const Functions& device, unsigned vfs, bool ari) {
  std::set<std::uint16_t> ids;
  for (const auto& pf : device) {
    const unsigned s = sriov_at(*pf);
    pf->set_ari_hierarchy(ari);
    pf->write(s + 0x10, 2, vfs);
    pf->write(s + 0x08, 2, pf == device.front() && ari ? 0x19 : 0x09);
    REQUIRE(pf->vfs() == vfs);
    CHECK(ids.insert(pf->id().value).second);
    for (unsigned n = 1; n <= vfs; ++n)
      if (!ids.insert(pf->vf_id(n)->value).second) FAIL("VF " << n << " shares an ID");
  }
  return ids;
}
}  // namespace

TEST_CASE("1, 2, 4 or 8 PFs of one device and their VFs have IDs of their own", "[B2][B13]") {
  for (const unsigned pfs : {1u, 2u, 4u, 8u})
    for (const unsigned vfs : {8u, 64u, 256u})
      for (const bool ari : {true, false}) {
        SriovDeviceParams params;
        params.physical_functions = pfs, params.total_vfs = vfs;
        const Functions device = make(params);
        const auto ids = all_ids(device, vfs, ari);
        CHECK(ids.size() == pfs * (vfs + 1));
        for (const auto& pf : device)  // and the port above can forward to them
          CHECK(refusal(pf->id(), *pf->description().sriov, params.routing(ari), vfs, 255, ari) == nullptr);
      }
}

TEST_CASE("one PF with 64 000 VFs fits behind bus 1, two such PFs do not", "[B13]") {
  SriovDeviceParams params;
  params.total_vfs = 64000;
  const Functions device = make(params);
  CHECK(all_ids(device, 64000, true).size() == 64001);
  params.physical_functions = 2;
  const FunctionDescription d = config::physical_function(params, {}, 0, {});
  CHECK(refusal(pf_id, *d.sriov, params.routing(true), 64000, 255, true) != nullptr);
}

TEST_CASE("PFs are linked as functions, and only PF 0 owns the link and the ARI bit", "[B2]") {
  SriovDeviceParams params;
  params.physical_functions = 3;
  const Functions device = make(params);
  for (unsigned pf = 0; pf < 3; ++pf) {
    const PhysicalFunction& f = *device[pf];
    CHECK((f.read(0x0e, 1) & 0x80) != 0);
    CHECK(f.read(walk_extended(f, 0x0e) + 5, 1) == (pf < 2 ? pf + 1 : 0));
    CHECK(f.read(sriov_at(f) + 0x12, 1) == pf);
    device[pf]->write(sriov_at(f) + 0x08, 2, 0x10);
    CHECK((f.read(sriov_at(f) + 0x08, 2) != 0) == (pf == 0));
    device[pf]->write(walk(f, 0x10) + 0x30, 2, 1);
    CHECK((f.read(walk(f, 0x10) + 0x30, 2) == 1) == (pf == 0));
  }
}

TEST_CASE("the MSI-X table and its pending bits lie inside their BAR, for any number of vectors") {
  for (const unsigned vectors : {1u, 3u, 64u, 256u, 2048u}) {
    SriovDeviceResources resources;
    resources.vectors = resources.vf_vectors = vectors;
    const FunctionDescription d = config::physical_function({}, resources, 0, {});
    CHECK_NOTHROW(build_layout(d));
    CHECK(d.msix->pending_offset >= vectors * 16);
    CHECK(d.bars[2].bytes >= d.msix->pending_offset + (vectors + 63) / 64 * 8);
    CHECK(d.sriov->vf_bars[2].bytes == d.bars[2].bytes);
  }
}

TEST_CASE("offset and stride under which two functions of a device share an ID are refused", "[B2][B6]") {
  SriovDeviceParams params;
  params.first_vf_offset = 128, params.vf_stride = 2;
  CHECK(params.ids_disjoint(true));
  params.physical_functions = 2;
  CHECK(params.ids_disjoint(true));
  params.physical_functions = 3;
  CHECK_FALSE(params.ids_disjoint(true));  // PF 2's first VF is PF 0's second
  CHECK(params.ids_disjoint(false));       // not given: they take turns
}
