// SPDX-License-Identifier: Apache-2.0
/// PageFaultHandler -- host software that brings in the pages that devices ask for: takes the page request event, reads
/// the queue, finds a frame, enters the page into its domain and answers the group.
///
/// Spec    VT-d 4.1 7.4-7.7 (page requests, responses), 11.4.11; Linux intel/prq.c (prq_event_thread), io-pgfault.c,
///         intel/pasid.c (intel_pasid_tear_down_entry).
/// Models  a thread that reads the queue and threads that handle faults, on cores, with costs; frames for a part of the
///         pages only: when none is free the page that came in first goes, its entry cleared and IOTLB and device TLB
///         invalidated before the frame is used again; a page that is on its way is waited for, not brought in twice;
///         overflow of the queue; requests that nobody may make; spaces that devices stop using: entry, PASID cache,
///         IOTLB, device TLB, and what requests are still on their way (VT-d 7.10).
/// Simplified  where evicted pages go and new ones come from is in the cost per fault; pages are chosen first in, first
///         out, as second-stage accessed bits are off; an answer waits for all pages of its group.
/// Units   pages of 4 KiB
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "models/core/invariant.h"
#include "models/core/ring.h"
#include "models/software/iommu_driver.h"
#include "models/software/queued_invalidation.h"

namespace iov::software {

class PageFaultHandler : public sc_core::sc_module {
 public:
  struct Params {
    unsigned threads = 4;
    unsigned log2_queue_pages = 4, allocation = 0;
    Time request_cost = 500_ns;
    Time fault_cost = 20_us;

    template <class V>
    void describe(V& v) {
      v.field("threads", threads, Range<unsigned>{1, 64}, "threads that handle faults, on the host's cores in turn",
              "Linux io-pgfault.c: an unbound work queue, no more at once than cores");
      v.field("log2_queue_pages", log2_queue_pages, Range<unsigned>{0, 7, "log2 pages"}, "size of the page request queue: 128 entries a page",
              "Linux PRQ_ORDER 4: 2048 entries");
      v.field("allocation", allocation, Range<unsigned>{0, 512},
              "page requests that a PF and its VFs may have outstanding, as far as they can; 0: as many as they can",
              "Linux pci_enable_pri: the queue's size or the function's capacity, the smaller");
      v.field("request_cost", request_cost, Range<Time>{{}, 1000_us}, "reading one page request and handing it on", no_source);
      v.field("fault_cost", fault_cost, Range<Time>{{}, 100'000_us},
              "the kernel's work on one absent page, table entry and response not included",
              "Lesokhin ASPLOS 2017 Table 4: 215 us median, of which 90 % are the device's firmware");
    }
  };
  struct Space {  ///< what a (function, PASID) may touch
    RequesterId function;
    Pasid pasid;
    DomainId domain;
    Iova base;
    std::uint64_t pages = 0;
  };

  /// @param registers  the unit's, as cores reach them
  PageFaultHandler(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, const SoftwareCosts& costs,
                   IommuDriver& iommu, MmioBus& registers, std::vector<host::Core*> cores, MemoryView& memory);

  /// @param populated  its pages are brought in as far as frames reach when the handler starts
  void add(const Space& space, bool populated);
  void give_frames(Hpa first, std::uint64_t count);
  /// Brings in what is to be there from the start and programs the unit's page request queue and its event. Set-up work:
  /// no time. @param write  a register
  void start(Delegate<void(std::uint32_t offset, std::uint64_t value, unsigned bytes)> write);
  /// Devices have stopped using their spaces: takes them away, in time.
  void release();
  std::uint64_t resident() const { return resident_.size(); }
  const Params& params() const { return params_; }

  Counter requests{"requests", "1", "page requests read from the queue"};
  Counter handled{"handled", "1", "pages brought in"};
  Counter spurious{"spurious", "1", "requests for pages that were there already or on their way"};
  Counter responses{"responses", "1", "groups answered"};
  Counter refused{"refused", "1", "requests for pages outside what the device may touch"};
  Counter markers{"stop_markers", "1", "stop markers read"};
  Counter evictions{"evictions", "1", "pages that made room"};
  Counter released{"released", "1", "spaces taken away from their devices"};
  Counter overflows{"overflows", "1", "times the queue had overflowed"};
  LatencyHistogram handling{"handling_time", "from reading a group's last request to its response's departure"};

 private:
  struct Request {
    RequesterId function;
    Pasid pasid;
    std::uint64_t body = 0;  ///< 63:12 page, 11:3 group, 2 last, 1 write, 0 read
    Time read;
  };
  struct Resident {
    std::size_t space = 0;
    std::uint64_t page = 0;
    Hpa frame;
  };
  using Group = std::vector<Request>;
  enum class Page : std::uint8_t { absent, coming, present };
  struct Worker {
    Worker(host::Core& core, std::string name, MmioBus& bus, const SoftwareCosts& costs)
        : thread(core, host::Thread::Kind::process, std::move(name)),
          strand(core, host::Level::thread_low, &thread),
          registers(bus, host::Context::host_kernel, costs) {
      registers.map(Hpa(0));
    }
    host::Thread thread;
    host::Strand strand;
    MappedRegisters registers;
    bool idle = true;
    Task task;
  };
  Task interrupt(host::Strand& strand);
  Task read_loop();
  Task drain_queue();
  Task work_loop(Worker& worker);
  Task bring_in(Worker& worker, const Request& request, std::uint8_t& code);
  Task find_frame(Worker& worker, Hpa& frame);
  Task evict(Worker& worker, const Resident& victim);
  Task release_spaces();
  Task take_away(const Space& space);
  void populate();
  void hand_on(const Request& request);
  void wake_worker();
  Task change(Worker& worker);
  void changed();
  std::string unanswered() const;
  bool inside(const Request& request, std::size_t& space, std::uint64_t& page) const;
  void enter(std::size_t space, std::uint64_t page, Hpa frame);

  Timeline& timeline_;
  const Params params_;
  const SoftwareCosts& costs_;
  IommuDriver& iommu_;
  MemoryView& memory_;
  const Gpa queue_;
  const std::uint64_t queue_bytes_;
  std::vector<Space> spaces_;
  std::map<std::pair<std::uint16_t, std::uint32_t>, std::size_t> space_index_;
  std::vector<bool> populated_;
  std::vector<std::vector<Page>> pages_;  ///< by space
  std::vector<Hpa> free_frames_;
  Ring<Resident> resident_;  ///< first in, first out
  Ring<Group> groups_;
  std::map<std::uint64_t, Group> partial_;  ///< groups whose last request has not come
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<host::Strand*> waiting_;  ///< threads that wait for a page or a frame of another
  std::uint64_t taken_ = 0, answered_groups_ = 0;  ///< groups handed to the threads; and of them answered
  bool releasing_ = false;
  Worker reader_;
  const std::uint8_t vector_;
  Task reader_task_;
  Invariant answered_{"page_groups_answered_once", Invariant::at_rest, "at rest every page request group has had one response",
                      [this] { return unanswered(); }};
};

}  // namespace iov::software
