"""What PPP's control protocols have in common (RFC 1661): options, and agreeing on them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum

RESTART_S = 3.0
"""Time in s until a request that was not answered is sent again."""
MAX_CONFIGURE = 10
MAX_TERMINATE = 2
MAX_NAKS = 5
"""So many proposals to the other side, then what it insists on is rejected."""

HEADER_BYTES = 4

Option = tuple[int, bytes]


class Code(IntEnum):
    """What a control packet is."""

    CONFIGURE_REQUEST = 1
    CONFIGURE_ACK = 2
    CONFIGURE_NAK = 3
    CONFIGURE_REJECT = 4
    TERMINATE_REQUEST = 5
    TERMINATE_ACK = 6
    CODE_REJECT = 7
    PROTOCOL_REJECT = 8
    ECHO_REQUEST = 9
    ECHO_REPLY = 10
    DISCARD_REQUEST = 11


class State(Enum):
    """The states of RFC 1661 that occur here."""

    CLOSED = "closed"
    STOPPED = "stopped"
    """Waiting for the other side to begin."""
    CLOSING = "closing"
    REQUEST_SENT = "request sent"
    ACK_RECEIVED = "ack received"
    ACK_SENT = "ack sent"
    OPENED = "opened"


@dataclass
class Verdict:
    """What is wrong with the options of a request; nothing, if both are empty."""

    rejected: list[Option] = field(default_factory=list)
    """Options that are not known or not wanted."""
    proposed: list[Option] = field(default_factory=list)
    """Options with values that would do."""


def control_packet(code: int, identifier: int, data: bytes) -> bytes:
    """Return a control packet."""
    head = bytes([code, identifier & 0xFF])
    return head + (HEADER_BYTES + len(data)).to_bytes(2, "big") + data


def split_control_packet(packet: bytes) -> tuple[int, int, bytes] | None:
    """Return code, identifier and data of a control packet; None if it is malformed."""
    size = int.from_bytes(packet[2:4], "big")
    if not HEADER_BYTES <= size <= len(packet):
        return None
    return packet[0], packet[1], packet[HEADER_BYTES:size]  # what follows is padding


def join_options(options: list[Option]) -> bytes:
    """Return options as they stand in a packet."""
    return b"".join(bytes([kind, len(value) + 2]) + value for kind, value in options)


def split_options(data: bytes) -> list[Option] | None:
    """Return the options in a packet; None if they are malformed."""
    options = []
    while data:
        size = data[1] if len(data) > 1 else 0
        if not 2 <= size <= len(data):
            return None
        options.append((data[0], data[2:size]))
        data = data[size:]
    return options


class ControlProtocol:
    """One protocol's automaton: both sides send a request until the other acknowledges it.

    `send` takes a control packet, `clock` gives a time in s. Who owns this calls `tick()` when
    `deadline` has come. The protocols themselves override the methods below "What differs".
    """

    def __init__(self, send: Callable[[bytes], None], clock: Callable[[], float]) -> None:
        """Create a protocol that is closed."""
        self.state = State.CLOSED
        self.deadline: float | None = None
        self._send_packet = send
        self._clock = clock
        self._tries = 0
        self._naks = 0
        self._identifier = 0
        self._unanswered: int | None = None  # identifier of the request that has no answer yet
        self._asked = b""  # its options

    # What the owner does

    def listen(self) -> None:
        """Let the other side begin; begin ourselves if it does not within a restart time."""
        self.state = State.STOPPED
        self.deadline = self._clock() + RESTART_S

    def open(self) -> None:
        """Begin."""
        self.reset()
        self._tries = MAX_CONFIGURE
        self.state = State.REQUEST_SENT
        self._request()

    def close(self) -> None:
        """End in an orderly way; `finished()` comes when the other side has confirmed."""
        was, self.state = self.state, State.CLOSING
        if was is State.OPENED:
            self.down()
        self._tries = MAX_TERMINATE
        self._terminate()

    def reset(self) -> None:
        """Forget everything: the layer below has gone."""
        self.state = State.CLOSED
        self.deadline = None
        self._unanswered = None
        self._naks = 0

    def tick(self) -> None:
        """Do what is due now."""
        if self.deadline is None or self._clock() < self.deadline:
            return
        if self.state is State.STOPPED:
            self.open()
        elif self._tries == 0:
            self.reset()
            self.finished("the other side does not answer")
        elif self.state is State.CLOSING:
            self._terminate()
        else:
            if self.state is State.ACK_RECEIVED:
                self.state = State.REQUEST_SENT
            self._request()

    def receive(self, packet: bytes) -> None:
        """Take a packet of this protocol."""
        parts = split_control_packet(packet)
        if parts is None:
            return
        code, identifier, data = parts
        if code == Code.CONFIGURE_REQUEST:
            self._requested(identifier, data)
        elif code in (Code.CONFIGURE_ACK, Code.CONFIGURE_NAK, Code.CONFIGURE_REJECT):
            if identifier == self._unanswered:
                self._answered(code, data)
        elif code == Code.TERMINATE_REQUEST:
            self._terminated(identifier)
        elif code == Code.TERMINATE_ACK:
            self._termination_acknowledged()
        elif code != Code.CODE_REJECT and not self.other(code, identifier, data):
            self.reject(Code.CODE_REJECT, packet)

    def reject(self, code: int, what: bytes) -> None:
        """Send back what is not known, as much of it as the other side takes in one packet."""
        self.send(code, what[: self.longest() - HEADER_BYTES])

    def send(self, code: int, data: bytes, identifier: int | None = None) -> None:
        """Send a packet; without an identifier it gets a new one."""
        if identifier is None:
            self._identifier = identifier = self._identifier % 255 + 1
        self._send_packet(control_packet(code, identifier, data))

    # What differs

    def wanted(self) -> list[Option]:
        """Return the options of our own request."""
        raise NotImplementedError

    def judge(self, options: list[Option]) -> Verdict:
        """Return what is wrong with the other side's options, and take what is not."""
        raise NotImplementedError

    def refused(self, options: list[Option], *, rejected: bool) -> None:
        """Change what we want: options of ours were rejected, or other values proposed."""
        raise NotImplementedError

    def longest(self) -> int:
        """Return the longest packet in bytes that the other side takes."""
        raise NotImplementedError

    def up(self) -> None:
        """Both sides agree."""

    def down(self) -> None:
        """They do not any more."""

    def finished(self, reason: str) -> None:
        """The protocol has ended, by us, by the other side or because nobody answers."""

    def other(self, _code: int, _identifier: int, _data: bytes) -> bool:
        """Take a packet with a code of this protocol only; False if it is unknown."""
        return False

    # Inside

    def _request(self) -> None:
        self._tries -= 1
        self._asked = join_options(self.wanted())
        self.send(Code.CONFIGURE_REQUEST, self._asked)
        self._unanswered = self._identifier
        self.deadline = self._clock() + RESTART_S

    def _terminate(self) -> None:
        self._tries -= 1
        self._unanswered = None
        self.send(Code.TERMINATE_REQUEST, b"")
        self.deadline = self._clock() + RESTART_S

    def _requested(self, identifier: int, data: bytes) -> None:
        if self.state is State.CLOSED:
            self.send(Code.TERMINATE_ACK, b"", identifier)
        options = split_options(data)
        if options is None or self.state in (State.CLOSED, State.CLOSING):
            return
        was = self.state
        if was is State.OPENED:
            self.down()
        if was in (State.OPENED, State.STOPPED):
            self.open()
        good = self._judge(identifier, data, options)
        if good and self.state is State.REQUEST_SENT:
            self.state = State.ACK_SENT
        elif good and self.state is State.ACK_RECEIVED:
            self._agreed()
        elif not good and self.state is State.ACK_SENT:
            self.state = State.REQUEST_SENT

    def _judge(self, identifier: int, data: bytes, options: list[Option]) -> bool:
        """Answer a request; True if it was acknowledged."""
        verdict = self.judge(options)
        if verdict.proposed and self._naks >= MAX_NAKS:
            insisted = {kind for kind, _ in verdict.proposed}
            verdict.rejected += [option for option in options if option[0] in insisted]
        if verdict.rejected:
            self.send(Code.CONFIGURE_REJECT, join_options(verdict.rejected), identifier)
        elif verdict.proposed and self._naks < MAX_NAKS:
            self._naks += 1
            self.send(Code.CONFIGURE_NAK, join_options(verdict.proposed), identifier)
        else:
            self._naks = 0
            self.send(Code.CONFIGURE_ACK, data, identifier)
            return True
        return False

    def _answered(self, code: int, data: bytes) -> None:
        options = split_options(data)
        if options is None or (code == Code.CONFIGURE_ACK and data != self._asked):
            return  # not an answer to what was asked
        self._unanswered = None
        if code == Code.CONFIGURE_ACK:
            self._tries = MAX_CONFIGURE
            if self.state is State.ACK_SENT:
                self._agreed()
            else:
                self.state = State.ACK_RECEIVED
            return
        self.refused(options, rejected=code == Code.CONFIGURE_REJECT)
        if self.state in (State.REQUEST_SENT, State.ACK_SENT):
            if self._tries == 0:
                self.reset()
                self.finished("the two sides cannot agree")
            else:
                self._request()

    def _agreed(self) -> None:
        self.state = State.OPENED
        self.deadline = None
        self.up()

    def _terminated(self, identifier: int) -> None:
        was = self.state
        self.send(Code.TERMINATE_ACK, b"", identifier)
        if was in (State.CLOSED, State.CLOSING):
            return
        self.reset()
        self.state = State.STOPPED
        if was is State.OPENED:
            self.down()
        self.finished("ended by the other side")

    def _termination_acknowledged(self) -> None:
        if self.state is State.CLOSING:
            self.reset()
            self.finished("ended by us")
        elif self.state is State.ACK_RECEIVED:
            self.state = State.REQUEST_SENT
        elif self.state is State.OPENED:  # the other side has forgotten everything
            self.down()
            self.open()
