#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the captures acknowledged_receive.pcap and acknowledged_send.pcap into this folder: segments of 1500 B (with FCS) at
1 Gb/s, every second one acknowledged by 64 B half a segment's time later. Headers only, nanoseconds, link type EN10MB."""
import pathlib
import struct

VM, PEER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
SEGMENT, ACKNOWLEDGEMENT, GAP_NS, PAIRS, STORED = 1496, 60, 12000, 20, 60  # lengths without FCS


def frame(time, source, destination, length):
    data = (destination + source + b"\x88\xb5").ljust(STORED, b"\0")
    return struct.pack("<IIII", 0, time, STORED, length) + data


def capture(name, sender, receiver):
    """The one that is spoken to first becomes the VM: where it is the sender, an acknowledgement comes first."""
    frames = []
    for pair in range(PAIRS):
        segments = [frame((2 * pair + i) * GAP_NS, sender, receiver, SEGMENT) for i in range(2)]
        first = [frame(2 * pair * GAP_NS, receiver, sender, ACKNOWLEDGEMENT)] if sender == VM else []
        last = [frame((2 * pair + 1) * GAP_NS + GAP_NS // 2, receiver, sender, ACKNOWLEDGEMENT)] if sender != VM else []
        frames += first + segments + last
    header = struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, STORED, 1)
    (pathlib.Path(__file__).parent / name).write_bytes(header + b"".join(frames))


capture("acknowledged_receive.pcap", PEER, VM)
capture("acknowledged_send.pcap", VM, PEER)
