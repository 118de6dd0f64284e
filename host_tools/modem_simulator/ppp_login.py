"""How the network asks for user and password: PAP (RFC 1334) and CHAP with MD5 (RFC 1994)."""

import hashlib
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass

from .ppp_control import MAX_CONFIGURE, RESTART_S, control_packet, split_control_packet
from .ppp_frames import CHAP, PAP

MD5 = b"\x05"

_CHALLENGE_BYTES = 16
_NAME = b"modem"
# PAP
_REQUEST, _ACK, _NAK = 1, 2, 3
# CHAP
_CHALLENGE, _RESPONSE, _SUCCESS, _FAILURE = 1, 2, 3, 4


@dataclass(frozen=True)
class Account:
    """Who may use the data call."""

    user: bytes
    password: bytes


class Login:
    """Asks for one account by one protocol, PAP or CHAP; `done` is told once how it went.

    `send` takes a packet of that protocol, `clock` gives a time in s. Who owns this calls
    `tick()` when `deadline` has come.
    """

    def __init__(
        self,
        protocol: int,
        account: Account,
        send: Callable[[bytes], None],
        done: Callable[[bool], None],
        clock: Callable[[], float],
    ) -> None:
        """Prepare; nothing is sent before `begin()`."""
        self.protocol = protocol
        self.deadline: float | None = None
        self._account = account
        self._send = send
        self._done = done
        self._clock = clock
        self._identifier = 0
        self._challenge = b""
        self._tries = MAX_CONFIGURE
        self._result: bool | None = None

    def begin(self) -> None:
        """Ask; with PAP, wait to be told."""
        self._tries -= 1
        self.deadline = self._clock() + RESTART_S
        if self.protocol == CHAP:
            self._identifier += 1
            self._challenge = os.urandom(_CHALLENGE_BYTES)
            value = bytes([len(self._challenge)]) + self._challenge + _NAME
            self._send(control_packet(_CHALLENGE, self._identifier, value))

    def tick(self) -> None:
        """Do what is due now."""
        if self.deadline is None or self._clock() < self.deadline:
            return
        if self._tries:
            self.begin()
        else:
            self._finish(False)

    def receive(self, packet: bytes) -> None:
        """Take a packet of the protocol."""
        parts = split_control_packet(packet)
        if parts is None:
            return
        code, identifier, data = parts
        if self.protocol == PAP and code == _REQUEST:
            self._answer(identifier, self._is_password(data), _ACK, _NAK)
        elif self.protocol == CHAP and code == _RESPONSE and identifier == self._identifier:
            self._answer(identifier, self._is_response(data), _SUCCESS, _FAILURE)

    def _is_password(self, data: bytes) -> bool:
        user, rest = _split_field(data)
        password, _ = _split_field(rest)
        return (user, password) == (self._account.user, self._account.password)

    def _is_response(self, data: bytes) -> bool:
        value, user = _split_field(data)
        secret = bytes([self._identifier]) + self._account.password + self._challenge
        expected = hashlib.md5(secret, usedforsecurity=False).digest()
        return hmac.compare_digest(value, expected) and user == self._account.user

    def _answer(self, identifier: int, right: bool, yes: int, no: int) -> None:
        # An answer that got lost is asked for again, and must not have changed.
        right = right if self._result is None else self._result
        # PAP has the length of its message in front; a CHAP message of no length is the same.
        message = b"\x00" if self.protocol == PAP else b""
        self._send(control_packet(yes if right else no, identifier, message))
        self._finish(right)

    def _finish(self, right: bool) -> None:
        self.deadline = None
        if self._result is None:
            self._result = right
            self._done(right)


def _split_field(data: bytes) -> tuple[bytes, bytes]:
    """Return a field with its length in front, and what follows it."""
    size = data[0] + 1 if data else 1
    return data[1:size], data[size:]
