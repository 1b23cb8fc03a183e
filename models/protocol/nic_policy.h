// SPDX-License-Identifier: Apache-2.0
/// What a PF driver, a VF driver and a NIC agree on beside moving data: the mailbox of each VF, and the PF's registers
/// for the switch, filters, limits and events. In BAR 0, from nic::reg_policy on.
///
/// Spec    mailbox, messages and switching after the Intel 82576 (8.14) and 82599 (8.3.5, 10.5) datasheets as Linux
///         igb, ixgbe and ixgbevf use them. Bits per VF in global registers there are a window per VF here, selected by
///         index, so that thousands of VFs have them.
/// Units   rates in Mb/s of frames with FCS, 0: none
#pragma once
#include <cstdint>

namespace iov::nic {

inline constexpr unsigned mailbox_words = 16;

/// In the BAR of a VF.
enum MailboxRegister : std::uint32_t {
  reg_mailbox_memory = 0x0200,  ///< 16 DW, VFMBMEM
  reg_mailbox_vector = 0x02f8,  ///< RW 7:0: MSI-X vector of the mailbox (VTIVAR_MISC)
  reg_mailbox = 0x02fc,         ///< VFMAILBOX
};
enum VfMailboxBit : std::uint32_t {
  vf_mailbox_request = 1u << 0,    ///< WO: a message for the PF is in the buffer
  vf_mailbox_ack = 1u << 1,        ///< WO: the PF's message is read
  vf_mailbox_vfu = 1u << 2,        ///< RW: the VF owns the buffer; set only while PFU is 0
  vf_mailbox_pfu = 1u << 3,        ///< RO: the PF owns it
  vf_mailbox_pf_status = 1u << 4,  ///< RC: the PF wrote a message
  vf_mailbox_pf_ack = 1u << 5,     ///< RC: the PF read the VF's message
  vf_mailbox_reset = 1u << 6,      ///< RO (RSTI): the PF has not opened this VF since its reset
  vf_mailbox_reset_done = 1u << 7, ///< RC (RSTD): it has now
};
enum PfMailboxBit : std::uint32_t {
  pf_mailbox_status = 1u << 0,  ///< WO: a message for the VF is in the buffer
  pf_mailbox_ack = 1u << 1,     ///< WO: the VF's message is read
  pf_mailbox_vfu = 1u << 2,     ///< RO
  pf_mailbox_pfu = 1u << 3,     ///< RW: the PF owns the buffer; set only while VFU is 0
  pf_mailbox_rvfu = 1u << 4,    ///< WO: takes the buffer from a VF that does not let go
};

/// Word 0 of a message: type 15:0, info 23:16, flags.
enum Message : std::uint32_t {
  msg_reset = 0x01,           ///< answer: words 1, 2 the VF's MAC address
  msg_set_mac = 0x02,         ///< words 1, 2: six bytes
  msg_set_multicast = 0x03,   ///< info: count (0..30), then 12-bit hashes, two per word
  msg_set_vlan = 0x04,        ///< info: 1 add, 0 remove; word 1: VLAN ID
  msg_set_mtu = 0x05,         ///< word 1: largest frame in bytes (LPE)
  msg_promiscuous = 0x06,     ///< word 1: 0 none, 1 all multicast, 2 all (82576 type; ixgbe: XCAST_MODE)
  msg_negotiate = 0x08,       ///< word 1: API version
  msg_get_queues = 0x09,      ///< answer: words 1 transmit, 2 receive queues, 3 transparent VLAN, 4 default queue
  msg_control = 0x0100,       ///< from the PF; info: ControlInfo
  msg_info_shift = 16,
  msg_cts = 1u << 29,   ///< PF: clear to send, the VF is reset and open
  msg_nack = 1u << 30,
  msg_ack = 1u << 31,
};
enum ControlInfo : std::uint32_t { control_link = 0, control_reset = 1, control_removal = 2 };
enum ApiVersion : std::uint32_t { api_1_0 = 0, api_1_1 = 2 };  ///< ixgbe_pfvf_api_rev

/// In the BAR of a PF.
enum PfRegister : std::uint32_t {
  reg_event = 0x0300,         ///< RC: oldest event: 31 valid, 23:16 PfEvent, 15:0 VF (0: the device)
  reg_event_vector = 0x0304,  ///< RW 7:0 MSI-X vector of events, 31 enable
  reg_vf_select = 0x0308,     ///< RW: which VF (1..) the window shows
  reg_switch = 0x030c,        ///< RW 1:0 SwitchMode, 5:4 SortMode, 31:16 representor pool
  reg_link = 0x0310,          ///< RW 0: the port may have link
  reg_vf_default = 0x0314,    ///< RW: vf_control of a VF after enable and FLR
  reg_pool = 0x0318,          ///< WO 64 bit: pool 15:0 gets 47:32 queues from 31:16 on
  reg_pause_high = 0x0320,    ///< RW: bytes in the receive buffer that send XOFF, 0 never (FCRTH)
  reg_pause_low = 0x0324,     ///< RW: and that send XON (FCRTL)
  reg_pause_time = 0x0328,    ///< RW 15:0: quanta of 512 bit times (FCTTV)
  reg_congestion = 0x032c,    ///< RW: bytes in the receive buffer that make an event, 0 never
  reg_filter_mac = 0x0340,    ///< RW 64 bit: 47:0
  reg_filter_vlan = 0x0348,   ///< RW 11:0 VLAN, 16: any
  reg_filter_target = 0x034c, ///< RW 15:0 VF (0 the PF), 30:16 pool, 31: pool counts
  reg_filter_command = 0x0350, ///< W FilterCommand; R bit 0: the last one was carried out
  reg_rss_key = 0x0380,       ///< RW: 40 bytes (RSSRK)
  reg_flow_select = 0x0500,   ///< RW: which flow rule the registers below show
  reg_flow_match = 0x0504,    ///< RW: FlowField bits that must match, 31: rule in force
  reg_flow_mac = 0x0508,      ///< RW 64 bit: destination MAC
  reg_flow_vlan = 0x0510,
  reg_flow_source_ip = 0x0514,
  reg_flow_destination_ip = 0x0518,
  reg_flow_ports = 0x051c,    ///< RW 15:0 source, 31:16 destination
  reg_flow_protocol = 0x0520,
  reg_flow_action = 0x0524,   ///< RW 31 drop, else 30:16 VF (0 the PF), 15:0 queue of it
};
enum class SwitchMode : std::uint8_t { veb, vepa, representor };  ///< IEEE 802.1Q 5.5 (VEB), 802.1Qbg (VEPA)
enum class SortMode : std::uint8_t { mac_vlan, mac, vlan };       ///< what a filter compares
enum FilterCommand : std::uint32_t { filter_add = 1, filter_remove = 2 };
enum FlowField : std::uint32_t {
  flow_mac = 1, flow_vlan = 2, flow_source_ip = 4, flow_destination_ip = 8,
  flow_source_port = 16, flow_destination_port = 32, flow_protocol = 64, flow_valid = 1u << 31,
};
inline constexpr std::uint32_t flow_drop = 1u << 31, filter_any_vlan = 1u << 16, filter_has_pool = 1u << 31;

enum class PfEvent : std::uint8_t {
  mailbox_request, mailbox_ack, vf_reset, mac_spoof, vlan_spoof, storm, congestion, congestion_over, link
};
inline constexpr unsigned pf_events = 9;

/// The window of the selected VF, in the PF's BAR.
enum VfRegister : std::uint32_t {
  vf_control = 0x0400,       ///< RW: VfControl
  vf_mac = 0x0408,           ///< RW 64 bit: its own address, for anti-spoofing
  vf_vlan = 0x0410,          ///< WO 11:0 VLAN joined, 31: left instead; R: how many it is in (VLVF)
  vf_transmit_rate = 0x0414, ///< RW: most it may send
  vf_transmit_share = 0x0418, ///< RW: least it gets while it has frames to send
  vf_receive_rate = 0x041c,  ///< RW: most it receives, the rest waits in the packet buffer
  vf_interrupt_interval = 0x0420, ///< RW ns: least time between interrupts of a vector
  vf_storm_rate = 0x0424,    ///< RW: broadcast and multicast frames per second, each way
  vf_max_frame = 0x0428,     ///< RW: bytes without FCS, 0 no limit (RLPML)
  vf_multicast = 0x042c,     ///< WO 11:0: multicast hash joined, 31: all left (MTA)
  vf_window_mailbox_memory = 0x0440,  ///< 16 DW, PFMBMEM
  vf_window_mailbox = 0x0480,         ///< PFMAILBOX
};
enum VfControl : std::uint32_t {
  vf_receive_enable = 1, vf_transmit_enable = 2,  ///< VFRE, VFTE
  vf_check_mac = 4, vf_check_vlan = 8,            ///< PFVFSPOOF
  vf_drop_enable = 16,                            ///< QDE: what finds no descriptor is dropped, else it waits in the buffer
  vf_accept_broadcast = 32, vf_accept_multicast = 64, vf_accept_all = 128,  ///< VMOLR BAM, MPE; UPE
  vf_check_membership = 256,                      ///< VLAN filter on receive: tagged frames only of joined VLANs
  vf_reset_value = vf_receive_enable | vf_transmit_enable | vf_drop_enable | vf_accept_broadcast | vf_accept_multicast,
};

}  // namespace iov::nic
