// SPDX-License-Identifier: Apache-2.0
#include "platforms/pcie_tree.h"

#include <algorithm>
#include <map>

#include "platforms/problem.h"

namespace iov::platform {

namespace {

constexpr unsigned buses = 255;  // 1 to 255; bus 0 is the root complex's own

std::string quoted(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return text;
}

bool has(const std::vector<std::string>& list, const std::string& what) {
  return std::find(list.begin(), list.end(), what) != list.end();
}

}  // namespace

std::vector<std::string> modules_of(const nlohmann::json& config, const char* kind) {
  std::vector<std::string> names;
  for (const auto& [name, module] : config.items())
    if (module.is_object() && module.at("kind") == kind) names.push_back(name);  // a script is a list
  return names;
}

std::string the_one(const nlohmann::json& config, const char* kind) {
  const auto names = modules_of(config, kind);
  if (names.size() == 1) return names.front();
  throw BadInput("the platform needs exactly one module of kind \"" + std::string(kind) + "\", it has " +
                 std::to_string(names.size()));
}

PcieTree::PcieTree(const nlohmann::json& config, Timeline& timeline, pcie::RootComplex& root_complex,
                   const std::string& root_name, const std::vector<std::string>& devices, std::uint64_t seed)
    : root_complex_(root_complex), root_name_(root_name) {
  read(config, devices);
  make(timeline, config, seed);
  for (Branch* branch : below(nullptr)) join(*branch);
  root_complex_.on_bus_reset(bind<&PcieTree::bus_reset>(this));
  for (const auto& branch : branches_)
    if (!branch->reached)
      throw BadInput(branch->name + ".upstream = \"" + branch->params.upstream + "\" is not below " + root_name_);
  const auto bridges = static_cast<unsigned>(2 * nodes_.size());
  if (bridges + devices.size() > buses) throw BadInput("the platform has more devices and switches than bus numbers");
  unsigned bus = 1;
  std::uint64_t address = first_address;
  const unsigned each = (buses - bridges) / static_cast<unsigned>(devices.size());
  for (Branch* branch : below(nullptr)) share_out(*branch, bus, address, each);
  for (const auto& branch : branches_) program(*branch);
}

/// Every device and every switch is at the far end of exactly one link.
void PcieTree::read(const nlohmann::json& config, const std::vector<std::string>& devices) {
  const auto switches = modules_of(config, "switch");
  std::vector<std::string> ends = devices, tops{root_name_};
  ends.insert(ends.end(), switches.begin(), switches.end());
  tops.insert(tops.end(), switches.begin(), switches.end());
  std::map<std::string, std::string> taken;
  for (const std::string& name : modules_of(config, "link")) {
    auto& branch = *branches_.emplace_back(std::make_unique<Branch>());
    branch.name = name;
    branch.params = params_of<LinkModule>(config.at(name));
    if (branch.params.upstream.empty()) branch.params.upstream = root_name_;
    const LinkModule& p = branch.params;
    if (!has(ends, p.device))
      throw BadInput(name + ".device = \"" + p.device + "\": no such device; there is " + quoted(ends));
    if (!has(tops, p.upstream))
      throw BadInput(name + ".upstream = \"" + p.upstream + "\": no root complex or switch; there is " + quoted(tops));
    if (const auto [other, is_new] = taken.emplace(p.device, name); !is_new)
      throw BadInput(name + ".device = \"" + p.device + "\": " + other->second + " leads there already");
  }
  for (const std::string& end : ends)
    if (taken.count(end) == 0) throw BadInput(end + ": no module of kind \"link\" leads to it");
}

void PcieTree::make(Timeline& timeline, const nlohmann::json& config, std::uint64_t seed) {
  for (const std::string& name : modules_of(config, "switch")) {
    auto& node = *nodes_.emplace_back(std::make_unique<Node>());
    node.name = name;
    const auto first_slot = static_cast<unsigned>(32 * nodes_.size());  // root ports have those below
    node.fabric = std::make_unique<pcie::Switch>(name.c_str(), timeline, params_of<pcie::SwitchParams>(config.at(name)), first_slot);
  }
  for (const auto& branch : branches_)
    branch->link = std::make_unique<Link>(branch->name.c_str(), timeline, branch->params.link, seed);
}

/// A switch's first port is the one towards the root complex.
void PcieTree::join(Branch& branch) {
  branch.reached = true;
  const unsigned weight = branch.params.arbitration_weight;
  branch.above = node(branch.params.upstream);
  try {
    branch.port = branch.above ? branch.above->fabric->add_port(branch.link->root, weight) : root_complex_.add_root_port(branch.link->root);
  } catch (const SimError& full) {
    throw BadInput(branch.name + ".upstream: " + full.what());
  }
  if (!branch.above) {
    branch.root = &root_complex_;
    branch.link->root.on_error(bind<&Branch::link_error>(&branch));
    branch.link->root.on_link(bind<&Branch::link_changed>(&branch));
  }
  Node* here = node(branch.params.device);
  if (!here) return;
  here->fabric->add_port(branch.link->device, weight);
  for (Branch* next : below(here)) join(*next);
}

void PcieTree::share_out(Branch& branch, unsigned& bus, std::uint64_t& address, unsigned buses_each) {
  Place& place = branch.place;
  place.first_bus = bus;
  place.window.first = address;
  if (Node* here = node(branch.params.device)) {
    bus += 2;  // of its upstream port's link, and inside
    for (Branch* next : below(here)) share_out(*next, bus, address, buses_each);
  } else {
    bus += buses_each;
    address += device_bytes;
  }
  place.last_bus = bus - 1;
  place.window.last = address - 1;
}

void PcieTree::program(const Branch& branch) const {
  const Place& place = branch.place;
  const auto open = [&](auto write, unsigned primary, unsigned secondary) {
    const config::BridgeWindow none;
    write(PCI_PRIMARY_BUS, 4, primary | secondary << 8 | place.last_bus << 16);
    write(PCI_MEMORY_BASE, 4, none.base_limit());
    write(PCI_PREF_MEMORY_BASE, 4, place.window.base_limit());
    write(PCI_PREF_BASE_UPPER32, 4, place.window.base_upper());
    write(PCI_PREF_LIMIT_UPPER32, 4, place.window.limit_upper());
    write(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  };
  const auto at_port = [&](unsigned offset, unsigned bytes, std::uint32_t value) { write(branch, offset, bytes, value); };
  open(at_port, branch.above ? place.first_bus - 1 : 0, place.first_bus);
  const config::Layout& layout = space(branch).layout();
  write(branch, layout.capability(PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL2, 2, PCI_EXP_DEVCTL2_ARI);
  set_acs(branch, branch.params.acs);
  for (const auto& node : nodes_)
    if (node->name == branch.params.device)
      open([&](unsigned offset, unsigned bytes, std::uint32_t value) { node->fabric->write_port(pcie::Switch::upstream, offset, bytes, value); },
           place.first_bus, place.first_bus + 1);
}

void PcieTree::check_acs(const Branch& branch, const AcsParams& acs) const {
  const config::ConfigSpace& port = space(branch);
  const std::uint32_t has = port.read(port.layout().extended(PCI_EXT_CAP_ID_ACS) + PCI_ACS_CAP, 2);
  if ((acs.services() & ~has) == 0) return;
  throw BadInput(branch.name + ".acs: the port above is a root port, which has source_validation and translation_blocking only: "
                 "all that is untranslated goes through the IOMMU, there is nothing to redirect");
}

void PcieTree::set_acs(const Branch& branch, const AcsParams& acs) const {
  check_acs(branch, acs);
  const unsigned at = space(branch).layout().extended(PCI_EXT_CAP_ID_ACS);
  write(branch, at + PCI_ACS_CTRL, 2, acs.services());
  if (branch.above) write(branch, at + PCI_ACS_EGRESS_CTL_V, 4, acs.egress_vector);
}

void PcieTree::write(const Branch& branch, unsigned offset, unsigned bytes, std::uint32_t value) const {
  if (branch.above) return branch.above->fabric->write_port(branch.port, offset, bytes, value);
  root_complex_.write_root_port(branch.port, offset, bytes, value);
}

const config::ConfigSpace& PcieTree::space(const Branch& branch) const {
  return branch.above ? branch.above->fabric->port(branch.port).config() : root_complex_.root_port(branch.port).config();
}

void PcieTree::bus_reset(unsigned root_port) {
  for (const auto& branch : branches_)
    if (branch->root && branch->port == root_port) branch->link->root.hot_reset();
}

std::vector<const pcie::Switch*> PcieTree::switches() const {
  std::vector<const pcie::Switch*> all;
  for (const auto& node : nodes_) all.push_back(node->fabric.get());
  return all;
}

std::uint64_t PcieTree::lost_posted_data() const {
  std::uint64_t units = 0;
  for (const auto& node : nodes_) units += node->fabric->lost_posted_data();
  for (const auto& branch : branches_) units += branch->link->device.lost_posted_data();
  return units;
}

PcieTree::Node* PcieTree::node(const std::string& name) {
  for (const auto& node : nodes_)
    if (node->name == name) return node.get();
  return nullptr;
}

std::vector<PcieTree::Branch*> PcieTree::below(const Node* node) {
  std::vector<Branch*> found;
  const std::string& name = node ? node->name : root_name_;
  for (const auto& branch : branches_)
    if (branch->params.upstream == name) found.push_back(branch.get());
  return found;
}

const PcieTree::Branch& PcieTree::branch(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& branch : branches_) {
    if (branch->name == name) return *branch;
    names.push_back(branch->name);
  }
  throw BadInput("link: " + unknown_name("link", name, names));
}

const PcieTree::Branch& PcieTree::branch_to(const std::string& device) const {
  for (const auto& branch : branches_)
    if (branch->params.device == device) return *branch;
  throw BadInput(device + ": no module of kind \"link\" leads to it");
}

}  // namespace iov::platform
