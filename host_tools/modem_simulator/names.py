"""Names and addresses: what the network's name server knows (RFC 1035, as much as is needed)."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping

_HEADER_BYTES = 12
_RESPONSE = 0x8080  # an answer, and recursion is available
_RECURSION_WANTED = 0x0100
_NOT_IMPLEMENTED = 4
_NO_SUCH_NAME = 3
_OPCODE = 0x7800
_QUERY_MASK = 0x8000
_TYPE_A = 1
_CLASS_IN = 1
_POINTER_TO_NAME = b"\xc0\x0c"  # the name in the question, straight behind the header
_LIFE_S = 60

Lookup = Callable[[str], Awaitable[str]]
"""Takes a name, returns an IPv4 address; OSError if there is none."""


async def look_up(name: str, known: Mapping[str, str]) -> str:
    """Return the IPv4 address of a name: one of ours, or as this machine knows it; OSError."""
    name = name.rstrip(".").lower()
    if name in known:
        return known[name]
    try:
        return str(ipaddress.IPv4Address(name))
    except ipaddress.AddressValueError:
        pass
    if name.endswith((".invalid", ".test")):
        # RFC 6761: never exists. Not asking makes tests independent of the machine's resolver.
        raise OSError(f"{name} does not exist")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            name, None, family=socket.AF_INET, type=socket.SOCK_STREAM
        )
    except UnicodeError as error:
        raise OSError(f"{name} is not a host name") from error
    return str(found[0][4][0])


def check_host_names(known: Mapping[str, str]) -> None:
    """Raise ValueError, with a sentence for the user, if names cannot have these addresses."""
    for name, address in known.items():
        if not name or name != name.lower():
            raise ValueError(f"{name!r} is not a host name in lower case.")
        try:
            ipaddress.IPv4Address(address)
        except ipaddress.AddressValueError:
            raise ValueError(f"{address!r} of {name} is not an IPv4 address.") from None


async def answer(query: bytes, find: Lookup) -> bytes | None:
    """Return the answer to a DNS query for one name; None if it is none.

    There are addresses of IPv4 only: for every other type the name exists, but has nothing.
    """
    flags = int.from_bytes(query[2:4], "big")
    question = _question(query)
    if question is None or flags & _QUERY_MASK:
        return None
    name, kind, end = question
    code, address = 0, None
    if flags & _OPCODE:
        code = _NOT_IMPLEMENTED
    else:
        try:
            address = await find(name)
        except OSError:
            code = _NO_SUCH_NAME
    records = b""
    if address is not None and kind == (_TYPE_A, _CLASS_IN):
        packed = ipaddress.IPv4Address(address).packed
        records = _POINTER_TO_NAME + query[end - 4 : end]  # type and class as asked
        records += _LIFE_S.to_bytes(4, "big") + len(packed).to_bytes(2, "big") + packed
    flags = _RESPONSE | flags & _RECURSION_WANTED | code
    counts = b"\0\1" + (b"\0\1" if records else b"\0\0") + bytes(4)
    return query[:2] + flags.to_bytes(2, "big") + counts + query[_HEADER_BYTES:end] + records


def _question(query: bytes) -> tuple[str, tuple[int, int], int] | None:
    """Return name, (type, class) and end of the only question; None if that is not it."""
    if query[4:6] != b"\0\1":
        return None
    labels = []
    position = _HEADER_BYTES
    while True:
        size = query[position] if position < len(query) else 0xFF
        if size > 63:
            return None
        position += 1
        if size == 0:
            break
        labels.append(query[position : position + size].decode("latin-1"))
        position += size
    end = position + 4
    if end > len(query):
        return None
    kind = (
        int.from_bytes(query[position : position + 2], "big"),
        int.from_bytes(query[position + 2 : end], "big"),
    )
    return ".".join(labels), kind, end
