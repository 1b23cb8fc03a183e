// SPDX-License-Identifier: Apache-2.0
/// PcieTree -- the root ports, links and switches of a platform, as its modules of kind "link" and "switch" join them.
///
/// Models  a link names both its ends; bus numbers and addresses are shared out depth first and written into the bridges
///         before anything runs: each device gets an equal share of the bus numbers and a window of the same size.
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/pcie/root_complex.h"
#include "models/pcie/switch.h"
#include "platforms/kind.h"
#include "platforms/modules.h"
#include "platforms/simulation.h"

namespace iov::platform {

/// Names of the modules of one kind, in the order of a config.
std::vector<std::string> modules_of(const nlohmann::json& config, const char* kind);
/// @throws BadInput unless there is exactly one
std::string the_one(const nlohmann::json& config, const char* kind);

template <class Params>
Params read_params(const nlohmann::json& config, const std::string& name) {
  return params_of<Params>(config.at(name));
}

/// A link with both its ends: `root` at the side of the root complex, `device` at the other.
struct Link : sc_core::sc_module {
  /// @param seed  of its bit errors
  Link(const sc_core::sc_module_name& name, Timeline& timeline, const pcie::LinkParams& params, std::uint64_t seed)
      : sc_module(name), root("root", timeline, params, seed), device("device", timeline, params, seed) {
    root.connect(device);
  }
  pcie::Port root, device;
};

class PcieTree {
 public:
  /// What lies behind a link: bus numbers and addresses, both ends inclusive.
  struct Place {
    unsigned first_bus = 1, last_bus = 0;
    config::BridgeWindow window;
  };
  static constexpr std::uint64_t first_address = 0x400'0000'0000;   ///< above the largest host memory, 4 TiB
  static constexpr std::uint64_t device_bytes = 0x100'0000'0000;  ///< of a device's window

  /// @throws BadInput when the links do not make a tree with all the devices, each once
  PcieTree(const nlohmann::json& config, Timeline& timeline, pcie::RootComplex& root_complex, const std::string& root_name,
           const std::vector<std::string>& devices, std::uint64_t seed);

  Link& link_to(const std::string& device) const { return *branch_to(device).link; }
  /// By the name of its module. @throws BadInput when there is none
  Link& link(const std::string& name) const { return *branch(name).link; }
  /// Of the port at the upper end of a link. @throws BadInput when it does not have them all
  void set_acs(const std::string& link, const AcsParams& acs) const { set_acs(branch(link), acs); }
  void check_acs(const std::string& link, const AcsParams& acs) const { check_acs(branch(link), acs); }
  std::vector<const pcie::Switch*> switches() const;
  /// Payload of posted TLPs on their way up that links took with them when they went down, in units of 16 B.
  std::uint64_t lost_posted_data() const;
  const Place& place_of(const std::string& device) const { return branch_to(device).place; }

 private:
  struct Node {  ///< a switch
    std::string name;
    std::unique_ptr<pcie::Switch> fabric;
  };
  struct Branch {
    std::string name;
    LinkModule params;
    std::unique_ptr<Link> link;
    Node* above = nullptr;  ///< null: the root complex
    unsigned port = 0;      ///< of what is above
    pcie::RootComplex* root = nullptr;  ///< set when it is right above
    Place place;
    bool reached = false;
    void link_error(config::PcieError error) { root->log_error(port, error, nullptr); }
    void link_changed(bool up) { root->link_changed(port, up, link->root.present()); }
  };
  void bus_reset(unsigned root_port);
  const Branch& branch_to(const std::string& device) const;
  const Branch& branch(const std::string& name) const;
  void set_acs(const Branch& branch, const AcsParams& acs) const;
  void check_acs(const Branch& branch, const AcsParams& acs) const;
  Node* node(const std::string& name);
  std::vector<Branch*> below(const Node* node);
  void read(const nlohmann::json& config, const std::vector<std::string>& devices);
  void make(Timeline& timeline, const nlohmann::json& config, std::uint64_t seed);
  void join(Branch& branch);
  void share_out(Branch& branch, unsigned& bus, std::uint64_t& address, unsigned buses_each);
  void program(const Branch& branch) const;
  void write(const Branch& branch, unsigned offset, unsigned bytes, std::uint32_t value) const;
  const config::ConfigSpace& space(const Branch& branch) const;

  pcie::RootComplex& root_complex_;
  const std::string root_name_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Branch>> branches_;
};

}  // namespace iov::platform
