"""A question over UDP and the board's own network stack, without ever blocking."""

import asyncio
import os
import select
import socket
import struct
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

_POLL_MS = const(20)
_PACKET_LIMIT = const(512)  # bytes of any answer
_FIRST_FREE_PORT = const(0xC000)  # of those that belong to no service


async def ask(address, port, make, judge, check, wait_ms):
    """Send what make() gives to an address in dotted notation; what judge() makes of the answer.

    A packet of which judge() gives None is no answer; None when no other comes in time. The port
    it is sent from is new each time and cannot be guessed. `check()` is called all the time and
    raises when waiting has no more use. Raises OSError.
    """
    server = socket.getaddrinfo(address, port)[0][-1]
    own_port = struct.unpack("!H", os.urandom(2))[0] | _FIRST_FREE_PORT
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        udp.setblocking(False)
        udp.bind(socket.getaddrinfo("0.0.0.0", own_port)[0][-1])
        udp.sendto(make(), server)
        poller = select.poll()
        poller.register(udp, select.POLLIN)
        end = ticks_add(ticks_ms(), wait_ms)
        while ticks_diff(end, ticks_ms()) > 0:
            check()
            answer = judge(_received(udp, poller, server))
            if answer is not None:
                return answer
            await asyncio.sleep_ms(_POLL_MS)
    finally:
        udp.close()
    return None


def _received(udp, poller, server):
    """The next packet that the server sent; empty when there is none."""
    if poller.poll(0):
        try:
            packet, sender = udp.recvfrom(_PACKET_LIMIT)
        except OSError:
            return b""
        if sender == server:
            return packet
    return b""
