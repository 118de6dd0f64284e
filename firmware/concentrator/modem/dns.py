"""Host names into addresses, without ever blocking: A records over UDP (RFC 1035).

lwIP's own getaddrinfo() stops the whole program until an answer comes, or none does. Nothing in an
answer is believed that does not fit the question: its sender, number and name are compared.
"""

import asyncio
import os
import struct

from micropython import const

from . import ModemError, udp

_PORT = const(53)
_ATTEMPTS = const(6)
_WAIT_MS = const(2500)  # for an answer; a mobile network that was idle takes its time
_HEADER_SIZE = const(12)
_RECURSION_DESIRED = const(0x0100)
_RESPONSE = const(0x8000)
_OPERATION = const(0x7800)  # 0: a query
_RESULT = const(0x000F)
_ADDRESS = const(1)  # A, in class IN
_INTERNET = const(1)
_POINTER = const(0xC0)  # in place of a label's length: the name goes on elsewhere
_LONGEST_LABEL = const(63)
_FIRST_GROUP = const(224)  # first byte of addresses that are no single host's
_NOWHERE = "0.0.0.0"
_FINAL = (0, 3)  # result codes that will not change by asking again
_FAILURES = {
    0: "the host has no IPv4 address",
    3: "there is no host of this name",
}


async def resolve(name, server, check, port=_PORT, wait_ms=_WAIT_MS):
    """The address of host `name`, in dotted notation; one that is an address itself is given back.

    `server` is the address of a name server; `check()` is called all the time and raises when
    waiting has no more use. ModemError when there is no answer, or none that helps.
    """
    if _is_address(name):
        return name
    question = _question(name)
    if server == _NOWHERE:
        raise ModemError("%s: the network gave no name server" % name)
    failure = "no answer from the name server"
    for _ in range(_ATTEMPTS):
        check()
        try:
            answer = await _ask(question, server, port, check, wait_ms)
        except OSError as error:
            failure = "no way to the name server (error %s)" % error.errno
            await asyncio.sleep_ms(wait_ms)
            continue
        if answer is None:
            continue
        result, address = answer
        if address:
            return address
        failure = _FAILURES.get(result, "the name server fails (code %d)" % result)
        if result in _FINAL:
            break
    raise ModemError("%s: %s" % (name, failure))


async def _ask(question, server, port, check, wait_ms):
    """Ask once: (result code, address or ""); None when no answer comes in time.

    Number and port of the query are new each time and cannot be guessed: who cannot see the query
    cannot forge an answer.
    """
    number = struct.unpack("!H", os.urandom(2))[0]
    query = struct.pack("!6H", number, _RECURSION_DESIRED, 1, 0, 0, 0) + question

    def judge(packet):
        return _answer(packet, number, question)

    return await udp.ask(server, port, lambda: query, judge, check, wait_ms)


def _is_address(name):
    parts = name.split(".")
    return len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts)


def _question(name):
    """The question for the A record of `name`: labels, type and class."""
    question = bytearray()
    for label in name.split("."):
        if not 0 < len(label) <= _LONGEST_LABEL:
            raise ModemError("%s is no host name" % name)
        question.append(len(label))
        question += label.encode()
    return bytes(question) + struct.pack("!BHH", 0, _ADDRESS, _INTERNET)


def _answer(packet, number, question):
    """(result code, address or ""); None when this is no answer to the question."""
    at = _HEADER_SIZE + len(question)
    if len(packet) < at:
        return None
    answered, flags, questions, count = struct.unpack("!4H", packet)
    if answered != number or flags & (_RESPONSE | _OPERATION) != _RESPONSE or questions != 1:
        return None
    # Lengths of labels are no letters, and stay what they are.
    if packet[_HEADER_SIZE:at].lower() != question.lower():
        return None
    result = flags & _RESULT
    return result, "" if result else _first_address(packet, at, count)


def _first_address(packet, at, count):
    """The first usable address in the answers from `at` on; aliases (CNAME) stand before it."""
    for _ in range(count):
        at = _behind_name(packet, at)
        if at + 10 > len(packet):
            break
        kind, family, _, _, size = struct.unpack_from("!5H", packet, at)
        at += 10
        address = tuple(packet[at : at + size])
        usable = len(address) == 4 and 0 < address[0] < _FIRST_GROUP
        if usable and (kind, family) == (_ADDRESS, _INTERNET):
            return "%d.%d.%d.%d" % address
        at += size
    return ""


def _behind_name(packet, at):
    """Where the name at `at` ends. A pointer ends it; where that leads is of no interest."""
    while at < len(packet):
        size = packet[at]
        if size >= _POINTER:
            return at + 2
        at += 1 + size
        if size == 0:
            break
    return at
