// SPDX-License-Identifier: Apache-2.0
/// MemoryView -- the memory that a piece of software calls its own, real bytes included: a VM's guest-physical memory
/// or a host driver's DMA memory. Reads and writes take no time here; what software pays is in SoftwareCosts.
#pragma once
#include <span>

#include "models/protocol/memory_port.h"

namespace iov::software {

class MemoryView {
 public:
  /// @param base  where the view begins in host memory; @param dma_base  what devices call that address
  MemoryView(MemoryPort& memory, Hpa base, std::uint64_t bytes, std::uint64_t dma_base)
      : memory_(memory), base_(base), bytes_(bytes), dma_base_(dma_base) {}

  /// Takes the next `bytes` of the view, aligned to `align` (a power of two).
  /// @throws SimError when the view is exhausted
  Gpa allocate(std::uint64_t bytes, std::uint64_t align = 64) {
    const std::uint64_t at = (next_ + align - 1) & ~(align - 1);
    if (at + bytes > bytes_)
      throw SimError({}, memory_.name(), "memory of " + std::to_string(bytes_) + " bytes is exhausted");
    next_ = at + bytes;
    return Gpa(at);
  }
  bool contains(Gpa address, std::uint64_t bytes) const { return address.value <= bytes_ && bytes <= bytes_ - address.value; }
  Hpa host(Gpa address) const { return base_ + address.value; }
  std::uint64_t dma(Gpa address) const { return dma_base_ + address.value; }
  Gpa from_dma(std::uint64_t dma) const { return Gpa(dma - dma_base_); }
  std::uint64_t size() const { return bytes_; }
  Hpa base() const { return base_; }
  std::uint64_t dma_base() const { return dma_base_; }
  MemoryPort& port() const { return memory_; }

  template <class T>
  T load(Gpa address) const {
    return memory_.peek<T>(host(address));
  }
  template <class T>
  void store(Gpa address, const T& value) const {
    memory_.poke_value(host(address), value);
  }
  void read(Gpa address, std::span<std::uint8_t> out) const { memory_.peek(host(address), out); }
  /// @param written  how many bytes the software wrote in all, `in` being the leading ones; 0: just `in`
  void write(Gpa address, std::span<const std::uint8_t> in, std::uint32_t written = 0) const {
    memory_.poke(host(address), in, written);
  }

 private:
  MemoryPort& memory_;
  const Hpa base_;
  const std::uint64_t bytes_, dma_base_;
  std::uint64_t next_ = 0x1000;  // address 0 stays unused
};

}  // namespace iov::software
