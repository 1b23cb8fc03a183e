// SPDX-License-Identifier: Apache-2.0
/// Peer -- the station at the far end of the Ethernet wire: sends what the VMs receive, takes what they
/// send.
///
/// Spec    IEEE 802.3 3.1, 4.4.2: preamble, FCS, gap and minimum size as protocol/frame.h counts them.
/// Models  line rate and propagation; load at wire rate, open loop or from a capture, with a bounded queue
///         of its own; closed-loop request/response clients; it always keeps up with what arrives.
/// Models  pause frames: the frame on the wire ends, then it is silent.
/// Omits   errors on the wire.
/// Timing  NIC and peer exchange frames when the last bit of the FCS arrives; one event per frame sent,
///         none per frame received.
#pragma once
#include <memory>
#include <optional>
#include <systemc>
#include <vector>

#include "models/core/byte_pool.h"
#include "models/core/timeline.h"
#include "models/workload/packet_ledger.h"
#include "models/workload/peer_load.h"

namespace iov::workload {

class Peer : public sc_core::sc_module, public FrameSink {
 public:
  static constexpr MacAddress mac{0x02'00'00'ff'ff'feull};  ///< locally administered

  Peer(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, PacketLedger& ledger);

  void connect(FrameSink& nic) { nic_ = &nic; }
  /// Called with the VM to which the next frame will leave, as far ahead as that is known, if it is another than before.
  void on_next(Delegate<void(unsigned)> handler) { on_next_ = handler; }
  void add_vm(MacAddress vm) {
    vms_.push_back(vm);
    clients_.emplace_back();
  }
  void start_load(std::unique_ptr<PacketPlan> plan, bool saturates);
  /// Keeps `outstanding` requests to this VM under way.
  void start_client(unsigned vm, const SizeSequence& request_sizes);
  void leave(unsigned vm);  ///< no load to it any more, no new request
  void catch_up(const Time& now);  ///< books what is due by `now`, though the wire did not come to it
  void stop();                     ///< sends nothing new
  /// From the NIC, when the last bit left it.
  void frame(Frame&& frame) override;

  BusyTime wire_busy{"wire_busy", "time that the wire towards the NIC carried frames, preamble and gap"};
  BusyTime wire_back_busy{"wire_back_busy",
                          "time that the wire from the NIC carried frames, preamble and gap"};

 private:
  struct Request {
    Time due;
    std::uint64_t order;
    unsigned vm;
    static bool later(const Request& a, const Request& b) { return a.due != b.due ? a.due > b.due : a.order > b.order; }
  };
  struct Client {
    std::optional<SizeSequence> request_sizes;  ///< empty: asks nothing
    unsigned under_way = 0;                     ///< requests that wait or have no answer yet
  };
  enum class Head : std::uint8_t { request, open_loop, saturating };
  struct Next {  ///< what leaves next, unless something is asked for before
    Time start;
    Head head = Head::saturating;
    unsigned vm = 0;
    std::uint32_t bytes = 0;
  };
  void request(unsigned vm, const Time& due);
  void lost(const PacketEntry& entry);
  Time head_due() const;
  Time start_of(const Time& due) const;
  void pause(std::int32_t quanta);
  Head head(const Time& start) const;
  void begin();
  void schedule();
  void emit();
  void choose_next(const Time& start);
  void announce(unsigned vm);
  void take_next(PacketEntry& entry);
  void take_request(PacketEntry& entry);

  Timeline& timeline_;
  const Params& params_;
  PacketLedger& ledger_;
  FrameSink* nic_ = nullptr;
  Delegate<void(unsigned)> on_next_;
  unsigned announced_ = ~0u;  ///< the VM that was announced last
  std::vector<MacAddress> vms_;
  std::vector<Client> clients_;  ///< by VM
  PeerLoad load_;
  std::vector<Request> requests_;  ///< min-heap by due time
  std::uint64_t order_ = 0;
  std::uint32_t flow_ = 0;  ///< of the next packet
  bool running_ = false;
  Next next_;
  const Time never_ = sc_core::sc_max_time();
  Time wire_free_, pause_from_, paused_until_;
  /// The time for the size that was asked for last: sizes often repeat.
  class TimeOfSize {
   public:
    explicit TimeOfSize(Bandwidth rate) : rate_(rate) {}
    const Time& of(std::uint32_t bytes) {
      if (bytes != bytes_) time_ = rate_.time_for(bytes_ = bytes);
      return time_;
    }

   private:
    Bandwidth rate_;
    std::uint32_t bytes_ = 0;
    Time time_;
  };
  TimeOfSize to_last_bit_, occupied_;
  BytePool pool_;
  Event arrive_{timeline_, bind<&Peer::emit>(this)};
};

}  // namespace iov::workload
