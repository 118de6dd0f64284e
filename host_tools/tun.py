"""A TUN device: the kernel's IP packets, one at a time, to and from this program (Linux)."""

import contextlib
import errno
import fcntl
import os
import socket
import struct
from ipaddress import IPv4Interface

DEVICE = "/dev/net/tun"

_NAME_PATTERN = b"meter%d"  # the kernel takes the first number that is free
_MAX_PACKET_BYTES = 65536
# From linux/if_tun.h, linux/sockios.h and net/if.h.
_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_SIOCSIFADDR = 0x8916
_SIOCSIFNETMASK = 0x891C
_SIOCSIFMTU = 0x8922
_IFF_UP = 0x1
_REQUEST_BYTES = 40  # struct ifreq
_NAME_BYTES = 16


class TunError(OSError):
    """There cannot be a TUN device here; the text says why and what to do."""


class Tun:
    """A network interface of its own with one address; `fd` is non-blocking.

    It is gone when it is closed, or this program has ended however.
    """

    def __init__(self, interface: IPv4Interface) -> None:
        """Create it, with the address of this machine's end; TunError if that fails."""
        try:
            self.fd = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise TunError(_advice(error)) from None
        try:
            answer = fcntl.ioctl(
                self.fd,
                _TUNSETIFF,
                _request(_NAME_PATTERN, struct.pack("H", _IFF_TUN | _IFF_NO_PI)),
            )
            self._name = answer[:_NAME_BYTES].rstrip(b"\0")
            _configure(self._name, _SIOCSIFADDR, _address(interface.ip.packed))
            _configure(self._name, _SIOCSIFNETMASK, _address(interface.netmask.packed))
            bring_up(self._name)
        except OSError as error:
            os.close(self.fd)
            raise TunError(_advice(error)) from None

    def close(self) -> None:
        """Remove the interface."""
        os.close(self.fd)

    def read(self) -> bytes | None:
        """Return the next packet from the kernel, None if there is none now."""
        try:
            return os.read(self.fd, _MAX_PACKET_BYTES)
        except BlockingIOError:
            return None

    def write(self, packet: bytes) -> None:
        """Give a packet to the kernel, which drops what is not a packet."""
        with contextlib.suppress(OSError):
            os.write(self.fd, packet)

    def limit(self, size: int) -> None:
        """Let the kernel send no packets longer than `size` bytes from now on."""
        _configure(self._name, _SIOCSIFMTU, struct.pack("i", size))


def bring_up(name: bytes) -> None:
    """Switch a network interface on; OSError if that fails."""
    flags = _configure(name, _SIOCGIFFLAGS, b"")
    _configure(name, _SIOCSIFFLAGS, struct.pack("H", flags | _IFF_UP))


def _configure(name: bytes, what: int, value: bytes) -> int:
    """Change or ask something of an interface; return the flags, which most requests ignore."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, what, _request(name, value))
    return struct.unpack_from("H", answer, _NAME_BYTES)[0]


def _request(name: bytes, value: bytes) -> bytes:
    return (name.ljust(_NAME_BYTES, b"\0") + value).ljust(_REQUEST_BYTES, b"\0")


def _address(packed: bytes) -> bytes:
    return struct.pack("HH4s", socket.AF_INET, 0, packed)


def _advice(error: OSError) -> str:
    if error.errno == errno.EPERM:
        return (
            "no network interface may be made here; run this in a network namespace of its own "
            "(unshare --user --map-root-user --net) or as root"
        )
    if error.errno == errno.EACCES:
        return f"{DEVICE} may not be opened; run as root or let users open it (chmod 666 {DEVICE})"
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"{DEVICE} is missing; load the kernel's module tun, or give it to the container"
    return f"no TUN device can be made of {DEVICE}: {error.strerror}"
