"""The simulator as a whole: a modem on a pseudo terminal, running in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeVar

from host_tools.pseudo_terminal import PseudoTerminal

from . import call_commands, socket_commands  # noqa: F401 - enter their commands into the table
from .commands import execute
from .conditions import Conditions
from .counters import Counters
from .modem import Modem, Power
from .uart import Uart

Result = TypeVar("Result")

SETTLED = frozenset({"sim", "seed", "now"})
"""Conditions that cannot change while the modem runs."""

_POWER_PIN_INTERVAL_S = 0.02


class ModemSimulator:
    """A modem behind `link`. All methods may be called from any thread.

    The terminal and its link exist from `start()` to `stop()`, that is inside a `with` block.
    """

    def __init__(
        self,
        link: Path,
        conditions: Conditions | None = None,
        power_pin: Path | None = None,
        trace: Callable[[str, str], None] | None = None,
    ) -> None:
        """Prepare a simulator; ValueError for conditions that make no sense.

        `power_pin` is a file that stands for the wire by which the host switches the modem's
        power: the modem is off while the file's text is "0". `trace` is called with "<-" (from
        the host) or "->" and each line, and with "--" and what happens in a data call.
        """
        self.link = Path(link)
        self.conditions = replace(conditions) if conditions is not None else Conditions()
        self.conditions.check()
        self._power_pin = power_pin
        self._trace = trace
        self._counters = Counters()
        self._terminal: PseudoTerminal | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._modem: Modem | None = None

    # Life

    def start(self) -> Self:
        """Create the terminal and switch the modem on; OSError if the link cannot be made."""
        if self._thread is not None:
            raise RuntimeError("The modem simulator runs already.")
        self._terminal = PseudoTerminal(self.link)
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(self._terminal, ready), name="modem-simulator", daemon=True
        )
        self._thread.start()
        ready.result()
        return self

    def stop(self) -> None:
        """Switch everything off, close all connections and remove the link."""
        if self._thread is None or self._terminal is None:
            return
        assert self._loop is not None
        assert self._stopping is not None
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None
        self._loop = None
        self._modem = None
        self._terminal.close()
        self._terminal = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @property
    def device(self) -> Path:
        """The terminal that the link points to, for example /dev/pts/7."""
        if self._terminal is None:
            raise RuntimeError("The modem simulator does not run.")
        return self._terminal.device

    # What a test does to the modem

    def change(self, **conditions: object) -> None:
        """Change conditions by name, for example `change(latency_ms=200)`.

        ValueError for a value that makes no sense, and for `SETTLED` ones.
        """
        settled = sorted(SETTLED & conditions.keys())
        if settled:
            raise ValueError(f"{', '.join(settled)} cannot change while the modem runs.")
        replace(self.conditions, **conditions).check()  # type: ignore[arg-type]

        def apply(modem: Modem) -> None:
            for name, value in conditions.items():
                setattr(self.conditions, name, value)
            modem.update_registration()

        self._on_modem(apply)

    def go_offline(self) -> None:
        """Take the network away: sockets and calls stay, but nothing moves and nobody is told."""
        self.change(online=False)

    def go_online(self) -> None:
        """Bring the network back: what waited in the sockets moves on."""
        self.change(online=True)

    def deactivate_context(self, number: int = 1) -> None:
        """Take a data connection away from the network's side; the host is told "pdpdeact"."""
        self._on_modem(lambda modem: modem.lose_context(number))

    def drop_call(self) -> None:
        """Lose the carrier in a data call: the host is told NO CARRIER, but not in PPP."""
        self._on_modem(lambda modem: modem.drop_call())

    def forget_call(self) -> None:
        """Leave a data call half open: its packets vanish both ways, and nobody is told."""
        self._on_modem(lambda modem: modem.forget_call())

    def hang(self) -> None:
        """Make the modem deaf and dumb until its power is cycled."""
        self._on_modem(lambda modem: modem.hang())

    def power_cycle(self) -> None:
        """Switch the power off and on again: all connections are lost, no peer is told."""
        self._on_modem(lambda modem: modem.reboot())

    # What a test or the live view sees

    @property
    def counters(self) -> Counters:
        """A copy of the totals; after `stop()`, the last ones."""
        if self._modem is None:
            return replace(self._counters)
        return self._on_modem(lambda modem: replace(modem.counters))

    def status(self) -> dict[str, object]:
        """Return counters and state for the status file."""

        def collect(modem: Modem) -> dict[str, object]:
            heard = modem.power is Power.RUNNING and self.conditions.online
            return {
                **modem.counters.as_dict(),
                "power": modem.power.value,
                "online": self.conditions.online,
                "registered": modem.registration == 1,
                "rssi": self.conditions.rssi if heard else None,
                "latency_ms": self.conditions.latency_ms,
                "call": modem.call.state if modem.call is not None else None,
                "address": modem.call.address if modem.call is not None else None,
                "sockets": [s.number for s in modem.sockets.all()],
            }

        return self._on_modem(collect)

    # Inside

    def _on_modem(self, action: Callable[[Modem], Result]) -> Result:
        """Run an action in the event loop and return when it has taken effect."""
        if self._loop is None or self._modem is None:
            raise RuntimeError("The modem simulator does not run.")
        modem = self._modem

        async def act() -> Result:
            return action(modem)

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result()

    def _run(self, terminal: PseudoTerminal, ready: "Future[None]") -> None:
        try:
            asyncio.run(self._serve(terminal, ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _serve(self, terminal: PseudoTerminal, ready: "Future[None]") -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        uart = Uart(terminal.fd, self.conditions)
        modem = Modem(self.conditions, self._counters, execute, uart, self._trace)
        self._modem = modem
        uart.listen(modem.receive)
        pin_watch = None
        if self._power_pin is None:
            modem.power_on()
        else:
            pin_watch = asyncio.create_task(_follow_pin(self._power_pin, modem))
        ready.set_result(None)
        await self._stopping.wait()
        if pin_watch is not None:
            pin_watch.cancel()
        modem.power_off()
        uart.close()
        modem.packets.close()
        await modem.sockets.shut_down()


async def _follow_pin(pin: Path, modem: Modem) -> None:
    """Switch the modem as the file says; no file means on."""
    while True:
        try:
            off = pin.read_text().strip() == "0"
        except OSError:
            off = False
        if off and modem.power is not Power.OFF:
            modem.power_off()
        elif not off:
            modem.power_on()
        await asyncio.sleep(_POWER_PIN_INTERVAL_S)
