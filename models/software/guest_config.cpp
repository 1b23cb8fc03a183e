// SPDX-License-Identifier: Apache-2.0
#include "models/software/guest_config.h"

#include "models/protocol/config_space/build_layout.h"
#include "models/protocol/config_space/effects.h"
#include "models/software/register_io.h"

namespace iov::software {

using config::ComposedConfig;
using config::Composition;
using config::RegisterClass;
using host::Context;
using host::Strand;
using host::Work;

namespace {
constexpr const char* class_names[config::register_classes] = {"hardware_rw", "hardware_ro", "emulated"};
}  // namespace

GuestConfig::GuestConfig(const sc_core::sc_module_name& name, ConfigIo& host, const SoftwareCosts& costs,
                         const AssignedFunction& function)
    : sc_module(name),
      host_(host),
      costs_(costs),
      pf_layout_(config::build_layout(function.pf)),
      own_layout_(config::build_layout(function.whole ? function.pf : config::virtual_function(function.pf))),
      composition_(function.whole ? Composition::whole(function.pf, pf_layout_)
                                  : Composition(function.pf, pf_layout_, own_layout_)),
      own_(own_layout_),
      pf_copy_(pf_layout_),
      composed_(composition_, own_, pf_copy_) {
  for (const char* c : class_names) blocked_.add_row(c);
  for (const char* c : {"read", "write"}) latency_.add_row(c);
}

/// What the access touches of the hardware is read anew.
Task GuestConfig::refresh(Strand& strand, unsigned dword) {
  for (const Composition::Part& part : composition_.parts_of(dword)) {
    std::uint32_t value = 0;
    ++hardware_;
    co_await host_.read(strand, part.from_pf ? pf_ : function_, part.source, 4, value);
    if (value != all_ones(4)) (part.from_pf ? pf_copy_ : own_).set(part.source, 4, value);  // else nobody answers: as it was
  }
}

Task GuestConfig::read(Strand& strand, RequesterId function, unsigned offset, unsigned bytes, std::uint32_t& value) {
  const Time begin = strand.core().timeline().now();
  ++accesses_;
  co_await strand.vm_exit(host::ExitCause::config);
  co_await strand.spend(Context::host_user, Work::emulation, costs_.register_emulation);
  value = static_cast<std::uint32_t>(all_ones(bytes));
  if (function == slot) {
    co_await refresh(strand, offset & ~3u);
    value = composed_.read(offset, bytes);
  }
  co_await strand.resume_guest();
  took(0, strand, begin);
}

Task GuestConfig::write(Strand& strand, RequesterId function, unsigned offset, unsigned bytes, std::uint32_t value) {
  const Time begin = strand.core().timeline().now();
  ++accesses_;
  co_await strand.vm_exit(host::ExitCause::config);
  co_await strand.spend(Context::host_user, Work::emulation, costs_.register_emulation);
  if (function == slot) {
    co_await refresh(strand, offset & ~3u);
    const ComposedConfig::Written written = composed_.write(offset, bytes, value);
    count_blocked();
    co_await write_through(strand, written);
    co_await follow_msix(strand, written.emulated);
  }
  co_await strand.resume_guest();
  took(1, strand, begin);
}

void GuestConfig::took(std::size_t row, const Strand& strand, const Time& begin) {
  ++latency_.at(row, 0);
  latency_.at(row, 1) += static_cast<std::uint64_t>(to_ns(strand.core().timeline().now() - begin));
}

/// Byte by byte where the guest's bits do not fill the dword, so that a write-1-to-clear bit beside is not cleared; bits
/// of the same byte that are not the guest's keep their value.
Task GuestConfig::write_through(Strand& strand, const ComposedConfig::Written& written) {
  if (written.lanes == 0) co_return;
  const unsigned dword = written.hardware.offset;
  for (unsigned byte = 0; byte < 4; ++byte) {
    const std::uint32_t lanes = written.lanes >> 8 * byte & 0xff;
    if (lanes == 0) continue;
    const std::uint32_t keep = own_.dword(dword) >> 8 * byte & 0xff & ~lanes;
    ++hardware_;
    co_await host_.write(strand, function_, dword + byte, 1, keep | (written.value >> 8 * byte & lanes));
  }
}

Task GuestConfig::follow_msix(Strand& strand, const config::Change& change) {
  if (!config::effects_of(composition_.guest(), change).has(config::Effect::msix)) co_return;
  const unsigned guest = composition_.guest().capability(PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS;
  const unsigned own = own_layout_.capability(PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS;
  const std::uint32_t flags = composed_.dword(guest & ~3u) >> (guest & 3) * 8 & 0xffff;
  if ((flags & PCI_MSIX_FLAGS_ENABLE) != 0 && msix_) msix_();
  ++hardware_;
  co_await host_.write(strand, function_, own, 2, flags & (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL));
}

void GuestConfig::count_blocked() {
  for (std::size_t c = 0; c < config::register_classes; ++c)
    blocked_.at(c, 0) = composed_.blocked_writes(static_cast<RegisterClass>(c));
}

}  // namespace iov::software
