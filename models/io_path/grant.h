// SPDX-License-Identifier: Apache-2.0
/// Grant -- one function of the NIC in the hands of an owner, from the host's side: ownership, what it can reach, where its
/// interrupts go, its reset, and taking it back. Whoever uses the function has one.
///
/// Spec    Linux vfio-pci and its IOMMU groups: a domain per owner, ATS on, reset of the function when it is given up.
/// Omits   freeing of remapping entries: a function that was taken back sends no messages, its MSI-X is off.
#pragma once
#include <optional>
#include <vector>

#include "models/io_path/vm_path.h"
#include "models/software/function_reset.h"

namespace iov::io_path {

class Grant {
 public:
  /// What the function reaches: all of its owner's memory by a domain of its own, at the addresses the owner knows; or,
  /// for the host's kernel, everything.
  enum class Reach : std::uint8_t { owners_memory, everything };
  struct Terms {
    unsigned function;
    software::Owner owner;
    const software::MemoryView& memory;
    unsigned log2_page;
    Reach reach = Reach::owners_memory;
  };
  /// @param worker  whose processor time the host's work takes
  Grant(HostSystem& host, const Terms& terms, host::Strand& worker) : host_(host), terms_(terms), worker_(worker) {
    host.grants.push_back(this);
  }
  Grant(const Grant&) = delete;
  Grant& operator=(const Grant&) = delete;

  /// Before boot: nobody else may count on it. @returns why not
  std::string claim() { return host_.nic.claim(terms_.function, terms_.owner); }
  /// @param refusal  empty when it is the owner's now
  Task give(std::string& refusal);
  /// It is reset, reaches nothing any more, and is free.
  Task take_back();
  /// A reset under its user: what was set is there again afterwards. With notice, of a VF, its PF's driver says before that it
  /// comes, which gives the VF's driver time to stop, and lets it come up again after. @param refusal  empty when it answers
  Task reset(bool notice, std::string& refusal);
  /// One at a time, and only when it is given or not, as the operation needs: else why not. @returns whether it has begun
  bool begin(bool given, std::string& refusal);
  void end() { busy_ = false; }
  bool given() const { return given_; }
  bool busy() const { return busy_; }  ///< something is being done with it, at whose end it has what the host gives
  unsigned function() const { return terms_.function; }
  software::FunctionName name() const { return host_.nic.name_of(terms_.function); }
  RequesterId id() const { return host_.nic.requester(terms_.function); }

  /// The messages of its vectors; they are written into its MSI-X table, now and after a reset.
  void route(unsigned vector, const InterruptMessage& message);
  bool routed() const { return !routes_.empty(); }
  void add_to(WorkingSet& set) const {  ///< its first vector's interrupt
    if (routed()) host_.interrupts.add_to(set, routes_.front().message);
  }
  void write_table();

 private:
  struct Route {
    unsigned vector;
    InterruptMessage message;
  };
  software::ResetTarget target() const;
  void open_memory();
  Task close_memory();
  HostSystem& host_;
  const Terms terms_;
  host::Strand& worker_;
  std::optional<DomainId> domain_;
  std::vector<Route> routes_;
  bool given_ = false, busy_ = false;
};

}  // namespace iov::io_path
