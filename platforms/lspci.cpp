// SPDX-License-Identifier: Apache-2.0
#include "platforms/lspci.h"

#include <sstream>

#include "models/protocol/config_space/lspci_dump.h"
#include "platforms/dma_machine.h"
#include "platforms/machine.h"

namespace iov::platform {

namespace {

/// In the order of their IDs, as lspci prints them.
std::string host_view(const pcie::RootComplex& root_complex, const endpoint::Endpoint& device) {
  std::ostringstream out;
  for (unsigned p = 0; p < root_complex.root_ports(); ++p)
    config::write_lspci(out, {root_complex.root_port(p).id(), "root port"}, root_complex.root_port(p).config());
  const endpoint::FunctionSet& functions = device.functions();
  std::vector<std::pair<RequesterId, unsigned>> order;
  for (unsigned f = 0; f < functions.numbers(); ++f)
    if (functions.exists(f)) order.emplace_back(functions.id(f), f);
  std::sort(order.begin(), order.end());
  for (const auto& [id, f] : order)
    config::write_lspci(out, {id, functions.physical(f) ? "physical function" : "virtual function"}, functions.config(f));
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
    const DmaMachine machine(effective_config, 1);
    return host_view(*machine.root_complex, *machine.device);
  }
  Machine machine(effective_config, 1);
  if (request.after_boot || !request.guest.empty()) machine.boot();
  return request.guest.empty() ? host_view(*machine.root_complex, *machine.nic) : guest_view(machine, request.guest);
}

}  // namespace iov::platform
