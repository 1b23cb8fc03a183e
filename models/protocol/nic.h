// SPDX-License-Identifier: Apache-2.0
/// What a NIC driver and a NIC agree on: registers of a function's BAR 0 and descriptors in memory.
/// One layout for PF, VF and the emulated device, so that one driver source runs on all of them.
///
/// Spec    descriptors after the Intel 82576/82599 datasheets (advanced one-buffer format), 7.1, 7.2;
///         register set reduced to what moves data, same semantics (tail doorbell, cause, mask, ITR).
#pragma once
#include <cstdint>

namespace iov::nic {

/// BAR 0 of every function; the MSI-X table is in a BAR of its own. Queue registers: base + queue * queue_stride.
enum Register : std::uint32_t {
  reg_control = 0x0000,          ///< WO: Control
  reg_status = 0x0008,           ///< RO bit 0: link up
  reg_interrupt_cause = 0x0010,  ///< RC: bit v set = vector v fired; read clears (legacy style)
  reg_interrupt_mask_set = 0x0018,    ///< W1S: enables vectors
  reg_interrupt_mask_clear = 0x0020,  ///< W1S: disables vectors
  reg_auto_mask = 0x0028,  ///< RW: vectors whose mask bit clears by itself when their message is sent (82599 EIAM)
  reg_spread = 0x0030,    ///< RW 1:0: how frames of this function spread over its queues (Spread)
  reg_throttle = 0x0100,  ///< + 4 * vector, 64 of them: minimum ns between interrupts of this vector, 0 none
  reg_policy = 0x0200,    ///< up to reg_redirection: mailbox of a VF, policy of a PF (nic_policy.h)
  reg_redirection = 0x0700,  ///< RW: 128 entries of one byte, the queue of each RSS hash (82599 RETA)
  reg_policy_end = 0x0800,
  reg_tx_queues = 0x1000,
  reg_rx_queues = 0x8000,
  queue_stride = 0x40,
  bar_bytes = 0x10000,
};
enum Control : std::uint32_t { control_reset_function = 1, control_reset_device = 2 };  ///< the latter of a PF only
enum class Spread : std::uint8_t { first, rss, round_robin };
inline constexpr unsigned redirection_entries = 128;
/// Offsets within a queue's registers.
enum QueueRegister : std::uint32_t {
  queue_base = 0x00,     ///< 64 bit: address of the ring, 128 B aligned
  queue_length = 0x08,   ///< descriptors, power of two
  queue_head = 0x10,     ///< RO: next descriptor the device will use
  queue_tail = 0x18,     ///< doorbell: first descriptor that is not the device's
  queue_control = 0x20,  ///< bit 0 enable (reads 1 until what it has taken has left), bits 15:8 MSI-X vector
};
constexpr std::uint32_t tx_register(unsigned queue, QueueRegister r) { return reg_tx_queues + queue * queue_stride + r; }
constexpr std::uint32_t rx_register(unsigned queue, QueueRegister r) { return reg_rx_queues + queue * queue_stride + r; }

struct TxDescriptor {
  std::uint64_t address;
  std::uint32_t command_length;  ///< 15:0 bytes; command bits below; write-back: bit 31 done
  std::uint32_t status;          ///< write-back: bit 0 done
};
inline constexpr std::uint32_t tx_end_of_packet = 1u << 24;
inline constexpr std::uint32_t tx_report_status = 1u << 27;  ///< write back when sent
inline constexpr std::uint32_t descriptor_done = 1;
inline constexpr std::uint32_t rx_end_of_packet = 2;

union RxDescriptor {
  struct {
    std::uint64_t address;
    std::uint64_t header_address;
  } read;
  struct {
    std::uint32_t rss_hash;
    std::uint32_t info;
    std::uint32_t status_error;  ///< descriptor_done, rx_end_of_packet
    std::uint16_t length;
    std::uint16_t vlan;
  } write_back;
};
static_assert(sizeof(TxDescriptor) == 16 && sizeof(RxDescriptor) == 16);

}  // namespace iov::nic
