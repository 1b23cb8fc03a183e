// SPDX-License-Identifier: Apache-2.0
#include "platforms/lspci.h"

#include <algorithm>
#include <sstream>

#include "models/protocol/config_space/lspci_dump.h"
#include "platforms/dma_machine.h"
#include "platforms/machine.h"

namespace iov::platform {

namespace {

/// A function as it is to be printed.
struct Listed {
  RequesterId id;
  const char* what;
  const config::ConfigSpace* space;
};

void add_bridges(std::vector<Listed>& list, const pcie::RootComplex& root_complex, const PcieTree& tree) {
  for (unsigned p = 0; p < root_complex.root_ports(); ++p)
    list.push_back({root_complex.root_port(p).id(), "root port", &root_complex.root_port(p).config()});
  for (const pcie::Switch* fabric : tree.switches())
    for (unsigned p = 0; p < fabric->ports(); ++p)
      list.push_back({fabric->port(p).id(), p == pcie::Switch::upstream ? "upstream port" : "downstream port", &fabric->port(p).config()});
}

void add_functions(std::vector<Listed>& list, const endpoint::Endpoint& device) {
  const endpoint::FunctionSet& functions = device.functions();
  for (unsigned f = 0; f < functions.numbers(); ++f)
    if (functions.exists(f))
      list.push_back({functions.id(f), functions.physical(f) ? "physical function" : "virtual function", &functions.config(f)});
}

/// In the order of their IDs, as lspci prints them.
std::string host_view(std::vector<Listed>& list) {
  std::stable_sort(list.begin(), list.end(), [](const Listed& a, const Listed& b) { return a.id < b.id; });
  std::ostringstream out;
  for (const Listed& f : list) config::write_lspci(out, {f.id, f.what}, *f.space);
  return out.str();
}

std::string guest_view(const Machine& machine, const std::string& guest) {
  std::string names;
  for (const Machine::Vm& vm : machine.vms) {
    names += (names.empty() ? "" : ", ") + vm.name;
    if (vm.name != guest) continue;
    const software::GuestConfig* config = vm.path->guest_config();
    if (!config) throw BadInput(guest + ": no function is assigned to this VM");
    std::ostringstream out;
    config::write_lspci(out, {software::GuestConfig::slot, "assigned function"}, config->space());
    return out.str();
  }
  throw BadInput("there is no VM \"" + guest + "\"; there is " + names);
}

}  // namespace

std::string lspci(const nlohmann::json& effective_config, const LspciRequest& request) {
  if (!modules_of(effective_config, "dma_bench").empty()) {
    if (!request.guest.empty()) throw BadInput("the platform has no VM");
    DmaMachine machine(effective_config, 1);
    if (request.after_boot) machine.prepare();
    std::vector<Listed> list;
    add_bridges(list, *machine.root_complex, *machine.tree);
    for (const auto& device : machine.devices) add_functions(list, *device->device);
    return host_view(list);
  }
  Machine machine(effective_config, 1);
  if (request.after_boot || !request.guest.empty()) machine.boot();
  if (!request.guest.empty()) return guest_view(machine, request.guest);
  std::vector<Listed> list;
  add_bridges(list, *machine.root_complex, *machine.tree);
  add_functions(list, *machine.nic);
  return host_view(list);
}

}  // namespace iov::platform
