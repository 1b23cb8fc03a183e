// SPDX-License-Identifier: Apache-2.0
/// A translated 64 B DMA read: device port, link, root complex, IOMMU, memory, completion; the next one leaves when
/// one is answered. Translated: as by a device TLB. Hits: 16 pages in turn. Misses: so many pages in turn that each read walks the second-stage tables.
#include "bench/row.h"
#include "models/host/memory.h"
#include "models/iommu/iommu.h"
#include "models/pcie/port.h"
#include "models/pcie/root_complex.h"
#include "models/pcie/switch.h"
#include "models/protocol/vtd.h"
#include "models/protocol/vtd_registers.h"

namespace iov::bench {

namespace {

constexpr RequesterId function{0x0108};
constexpr std::uint64_t root_table = 0x10'0000, contexts = 0x10'1000, tables = 0x10'2000;
constexpr std::uint64_t pages_begin = 0x1000'0000;
constexpr std::uint64_t mapped_pages = 16384;

struct NoProcessors : InterruptBus {
  void deliver(const ProcessorInterrupt&) override {}
};

/// Reads 64 B again and again, `outstanding` at a time.
struct Reader {
  Reader(pcie::Port& p, std::uint64_t n, AddressType a) : port(p), pages(n), at(a) { port.on_arrival(bind<&Reader::arrived>(this)); }
  void read(std::uint16_t tag) {
    Tlp tlp;
    tlp.type = TlpType::memory_read;
    tlp.requester = function;
    tlp.tag = tag;
    tlp.at = at;
    tlp.address = ((page++ % pages) << 12) + (at == AddressType::translated ? pages_begin : 0);
    tlp.length = 64;
    port.send(std::move(tlp));
  }
  void arrived() {
    for (Tlp tlp; port.take(tlp);) {
      port.release(FcClass::completion, tlp.payload());
      ++(tlp.status == CompletionStatus::success ? answered : refused);
      if (reading) read(tlp.tag);
    }
  }
  pcie::Port& port;
  std::uint64_t pages, page = 0, answered = 0, refused = 0;
  AddressType at;
  bool reading = true;
};

struct Server {
  Timeline timeline{"timeline"};
  NoProcessors processors;
  host::Memory memory{"memory", timeline, {}};
  iommu::Iommu iommu{"iommu", timeline, {}, processors};
  pcie::RootComplex root_complex{"root_complex", timeline, {}};
  pcie::Port root{"root", timeline, {}}, device{"device", timeline, {}};

  std::unique_ptr<pcie::Switch> fabric;  ///< between root and device, with its two ports
  std::unique_ptr<pcie::Port> up, down;

  explicit Server(bool through_switch) {
    through_switch ? add_switch() : root.connect(device);
    const unsigned port = root_complex.add_root_port(root), bus = function.bus();
    root_complex.write_root_port(port, PCI_PRIMARY_BUS, 4, bus << 8 | bus << 16);
    root_complex.set_translator(&iommu);
    iommu.memory.socket.bind(memory.socket);
    root_complex.memory.socket.bind(memory.socket);
    timeline.run(Time(1, sc_core::SC_NS));
    make_tables();
    iommu.write_register(vtd::reg_root_table, root_table, 8);
    iommu.write_register(vtd::reg_global_command, vtd::gcmd_set_root_table, 4);
    iommu.write_register(vtd::reg_global_command, vtd::gcmd_translation_enable, 4);
    timeline.run(Time(1, sc_core::SC_MS));
  }
  void add_switch() {
    fabric = std::make_unique<pcie::Switch>("switch0", timeline, pcie::SwitchParams{});
    up = std::make_unique<pcie::Port>("up", timeline, pcie::LinkParams{});
    down = std::make_unique<pcie::Port>("down", timeline, pcie::LinkParams{});
    root.connect(*up);
    down->connect(device);
    fabric->add_port(*up);
    fabric->write_port(fabric->add_port(*down), PCI_PRIMARY_BUS, 4, function.bus() << 8u | unsigned{function.bus()} << 16);
  }
  void store(std::uint64_t at, std::uint64_t value) { iommu.memory.poke_value(Hpa(at), value); }
  void store(std::uint64_t at, const vtd::Pair& entry) { store(at, entry.lo), store(at + 8, entry.hi); }
  void make_tables() {
    store(root_table + function.bus() * 16u, vtd::root_entry(Hpa(contexts)));
    store(contexts + function.devfn() * 16u, vtd::context_entry(Hpa(tables), 4, {1}, vtd::TranslationType::with_ats));
    store(tables, vtd::table_entry(Hpa(tables + 0x1000)));
    store(tables + 0x1000, vtd::table_entry(Hpa(tables + 0x2000)));
    for (std::uint64_t page = 0; page < mapped_pages; ++page) {
      const std::uint64_t leaves = tables + 0x3000 + page / 512 * 4096;
      if (page % 512 == 0) store(tables + 0x2000 + page / 512 * 8, vtd::table_entry(Hpa(leaves)));
      store(leaves + page % 512 * 8, vtd::leaf_entry(Hpa(pages_begin + page * 4096), true, true, 12));
    }
  }
};

template <std::uint64_t pages, unsigned outstanding, AddressType at = AddressType::untranslated, bool through_switch = false>
Measurement reads() {
  Server server(through_switch);
  Reader reader(server.device, pages, at);
  for (unsigned i = 0; i < outstanding; ++i) reader.read(static_cast<std::uint16_t>(i));
  const Time warm(1, sc_core::SC_MS);
  server.timeline.run(server.timeline.now() + warm);
  const std::uint64_t rate = reader.answered, events = server.timeline.events();  // about 100 ns to 1 us each
  constexpr std::uint64_t wanted = pages > 64 ? 150'000 : 400'000;
  const Stopwatch watch;
  server.timeline.run(server.timeline.now() + warm * (static_cast<double>(wanted) / static_cast<double>(rate)));
  const double ns = watch.ns();
  const auto done = static_cast<double>(reader.answered - rate);
  if (reader.refused) return {};
  return {ns / done, static_cast<double>(server.timeline.events() - events) / done};
}

}  // namespace

std::vector<Row> read_rows() {
  return {{"64 B DMA read, IOTLB hit, 1 outstanding", "read", 6, reads<16, 1>},
          {"64 B DMA read, IOTLB hit, 32 outstanding", "read", 6, reads<16, 32>},
          {"64 B DMA read through a switch, 32 outstanding", "read", 0, reads<16, 32, AddressType::untranslated, true>},
          {"64 B DMA read, translated, 32 outstanding", "read", 6, reads<16, 32, AddressType::translated>},
          {"64 B DMA read, IOTLB miss, 1 outstanding", "read", 0, reads<mapped_pages, 1>},
          {"64 B DMA read, IOTLB miss, 32 outstanding", "read", 0, reads<mapped_pages, 32>}};
}

}  // namespace iov::bench
