"""What the world around the modem is like: SIM card, radio, network and cable."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .names import check_host_names


class SimState(StrEnum):
    """The SIM card in the modem when power comes on."""

    READY = "ready"
    PIN = "pin"
    MISSING = "missing"


class AddressPolicy(StrEnum):
    """What the network does when a host asks for an address in a data call."""

    GIVE = "give"
    REJECT = "reject"
    """The link comes up without an address."""
    TERMINATE = "terminate"
    """IPCP is ended, the link below stays."""


@dataclass
class Conditions:
    """Everything a test or a user may decide; defaults are a healthy modem on a perfect link.

    Change a running simulator's conditions only through `ModemSimulator.change()`.
    """

    latency_ms: float = 0.0
    """Round trip of the radio link in ms; each direction takes half of it."""
    rate_bit_s: int | None = None
    """Rate of the radio link in bit/s, the same up and down; None is unlimited."""
    registration_delay_s: float = 0.0
    """Time in s from looking for the network to being registered, at each attempt."""
    rssi: int = 24
    """Signal as AT+CSQ reports it: 0 (-113 dBm or less) to 31 (-51 dBm or more)."""
    sim: SimState = SimState.READY
    online: bool = True
    """Whether there is a network. When it goes, sockets and calls fall silent: nobody is told."""
    carrier: bool = True
    """Whether the network accepts data calls; if not, dialling ends with NO CARRIER."""
    user: str = ""
    """User that the network asks for in a data call; empty: it does not ask."""
    password: str = ""
    address_policy: AddressPolicy = AddressPolicy.GIVE
    """What becomes of the host's request for an address in a data call."""
    host_names: Mapping[str, str] = field(default_factory=dict)
    """IPv4 addresses of names that the network knows besides those this machine knows."""
    uart_bit_s: int | None = None
    """Speed of the serial line in bit/s, 10 bits a character both ways; None is unlimited."""
    escape_guard_s: float = 1.0
    """Silence in s that must come before and after +++ to interrupt a data call."""
    boot_delay_s: float = 0.2
    """Time in s from power-on or reboot to the first unsolicited line (RDY)."""
    answer_delay_ms: float = 0.0
    """Time in ms by which every answer to a command comes late."""
    garbage: float = 0.0
    """Probability (0 to 1) of line noise before an answer, and again after it."""
    unsolicited: float = 0.0
    """Probability (0 to 1) of an unrelated unsolicited line before an answer, and after it."""
    seed: int = 0
    """Seed of the random choices of `garbage` and `unsolicited`."""
    send_buffer_bytes: int = 10 * 1024
    """Per socket, data taken by AT+QISEND and not yet acknowledged by the peer."""
    connect_timeout_s: float = 75.0
    """Time in s after which opening a socket is given up (error 566)."""
    time_zone_quarter_hours: int = 32
    """Local time's distance from UTC in quarter hours, as the network announces it."""
    now: Callable[[], float] = time.time
    """The network's clock: s since 1970, UTC."""

    def check(self) -> None:
        """Raise ValueError, with a sentence for the user, if a value makes no sense."""
        if not 0 <= self.rssi <= 31:
            raise ValueError(f"rssi must be 0 to 31, not {self.rssi}.")
        for name, speed in (("rate", self.rate_bit_s), ("baud", self.uart_bit_s)):
            if speed is not None and speed <= 0:
                raise ValueError(f"{name} must be more than 0 bit/s, not {speed}.")
        for name, value, unit in (
            ("latency", self.latency_ms, "ms"),
            ("registration delay", self.registration_delay_s, "s"),
            ("boot delay", self.boot_delay_s, "s"),
            ("answer delay", self.answer_delay_ms, "ms"),
            ("escape guard time", self.escape_guard_s, "s"),
            ("connect timeout", self.connect_timeout_s, "s"),
        ):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be 0 {unit} or more, not {value:g}.")
        for name, probability in (("garbage", self.garbage), ("unsolicited", self.unsolicited)):
            if not 0 <= probability <= 1:
                raise ValueError(f"{name} is a probability, 0 to 1, not {probability:g}.")
        if self.send_buffer_bytes < 1:
            raise ValueError("the send buffer must hold at least 1 byte.")
        if not -48 <= self.time_zone_quarter_hours <= 56:
            raise ValueError("the time zone must be -48 to 56 quarter hours.")
        if self.password and not self.user:
            raise ValueError("a password needs a user.")
        check_host_names(self.host_names)
