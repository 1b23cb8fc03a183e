// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/function_set.h"

namespace iov::endpoint {

namespace {
constexpr std::uint8_t first_bus = 1;  ///< until one is captured
}

FunctionSet::FunctionSet(const config::SriovDeviceParams& params, const config::SriovDeviceResources& resources,
                         const config::PciExpressCapability& express)
    : total_vfs_(params.total_vfs) {
  for (unsigned n = 0; n < params.physical_functions; ++n)
    pfs_.push_back(std::make_unique<config::PhysicalFunction>(
        config::physical_function(params, resources, n, express),
        RequesterId{static_cast<std::uint16_t>(first_bus << 8 | n)}));
}

bool FunctionSet::exists(unsigned function) const {
  return function < numbers() && vf_of(function) <= pf(pf_of(function)).vfs();
}

unsigned FunctionSet::vfs() const {
  unsigned sum = 0;
  for (const auto& pf : pfs_) sum += pf->vfs();
  return sum;
}

const config::ConfigSpace& FunctionSet::config(unsigned function) const {
  const config::PhysicalFunction& owner = pf(pf_of(function));
  return physical(function) ? owner.config() : owner.vf(vf_of(function));
}

config::ConfigSpace& FunctionSet::config(unsigned function) {
  config::PhysicalFunction& owner = pf(pf_of(function));
  return physical(function) ? owner.config() : owner.vf(vf_of(function));
}

config::Change FunctionSet::write(unsigned function, unsigned offset, unsigned width, std::uint32_t value) {
  config::PhysicalFunction& owner = pf(pf_of(function));
  if (!physical(function)) return owner.write_vf(vf_of(function), offset, width, value);
  const bool ari = owner.ari_hierarchy();
  const config::Change change = owner.write(offset, width, value);
  if (owner.ari_hierarchy() != ari)  // the bit is the lowest PF's and counts for all (9.3.3.3.5)
    for (const auto& other : pfs_)
      if (other.get() != &owner) other->set_ari_hierarchy(!ari);
  return change;
}

RequesterId FunctionSet::id(unsigned function) const {
  const config::PhysicalFunction& owner = pf(pf_of(function));
  return physical(function) ? owner.id() : owner.vf_id(vf_of(function)).value_or(RequesterId{0xffff});
}

std::optional<unsigned> FunctionSet::with_id(RequesterId id) const {
  for (unsigned n = 0; n < pfs(); ++n) {
    if (pfs_[n]->id() == id) return n;
    if (const auto vf = pfs_[n]->vf_with_id(id)) return number(n, *vf);
  }
  return std::nullopt;
}

void FunctionSet::capture_bus(std::uint8_t bus) {
  for (const auto& pf : pfs_) pf->capture_bus(bus);
}

std::optional<FunctionSet::Target> FunctionSet::decode(std::uint64_t address) const {
  for (unsigned n = 0; n < pfs(); ++n)
    if (const auto hit = pfs_[n]->decode(Hpa(address)))
      return Target{number(n, hit->vf), hit->bar, static_cast<std::uint32_t>(hit->offset)};
  return std::nullopt;
}

}  // namespace iov::endpoint
