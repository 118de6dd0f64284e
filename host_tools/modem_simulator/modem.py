"""The modem itself: power, SIM card, registration, data contexts; everything but the commands."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from .at import Answer, AtPort, Command
from .conditions import Conditions, SimState
from .counters import Counters
from .data_call import DataCall
from .network import RadioLink
from .packet_network import PacketNetwork
from .sockets import SocketTable
from .uart import Uart

FIRST_SECOND_S = 315_964_800
"""1980-01-06 00:00:00 UTC in s since 1970: the modem's clock before it has seen a network."""
PIN = "1234"
PIN_TRIES = 3


class Power(StrEnum):
    """What the modem is doing at all."""

    OFF = "off"
    BOOTING = "booting"
    RUNNING = "running"
    HUNG = "hung"


class Registration(IntEnum):
    """The states of AT+CREG? that occur here."""

    NOT_SEARCHING = 0
    HOME = 1
    SEARCHING = 2


@dataclass
class Context:
    """One PDP context, that is one data connection to the operator."""

    apn: str = ""
    user: str = ""
    password: str = ""
    active: bool = False


@dataclass
class Settings:
    """What commands set, and power-on resets."""

    function: int = 1
    error_format: int = 1
    attach: bool = True
    report_registration: dict[str, int] = field(
        default_factory=lambda: {"+CREG": 0, "+CGREG": 0, "+CEREG": 0}
    )
    contexts: dict[int, Context] = field(default_factory=dict)


class Modem:
    """State and events; all methods run in the simulator's event loop."""

    FIRMWARE = "EC21EFAR06A01M4G"
    OPERATOR = "SIMULATED"

    def __init__(
        self,
        conditions: Conditions,
        counters: Counters,
        execute: Callable[["Modem", Command | None], Awaitable[Answer]],
        uart: Uart,
        trace: Callable[[str, str], None] | None,
    ) -> None:
        """Create a modem without power; `execute` runs a command, `uart` leads to the host."""
        self.conditions = conditions
        self.counters = counters
        self.power = Power.OFF
        self.settings = Settings()
        self.sim_ready = False
        self.pin_tries = PIN_TRIES
        self.link = RadioLink(conditions)
        self.sockets = SocketTable(conditions, counters, self.link, self._announce)
        self.packets = PacketNetwork(conditions, counters, self.link)
        self.call: DataCall | None = None
        self.port = AtPort(conditions, self._write, trace)
        self.registration = Registration.NOT_SEARCHING
        self.clock_is_set = False
        self._execute = execute
        self._uart = uart
        self._powered_at_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._registration_timer: asyncio.TimerHandle | None = None
        self._serving: asyncio.Task[None] | None = None

    # Power

    def power_on(self) -> None:
        """Start to boot, unless the modem has power already."""
        if self.power is not Power.OFF:
            return
        self.power = Power.BOOTING
        self._powered_at_s = self.conditions.now()
        delay_s = self.conditions.boot_delay_s
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._booted)

    def power_off(self) -> None:
        """Lose everything but the tries to enter a PIN; no peer and no host is told."""
        self.power = Power.OFF
        if self._timer is not None:
            self._timer.cancel()
        if self._serving is not None:
            self._serving.cancel()
            self._serving = None
        if self.call is not None:
            self.call.hang_up()
        self.port.reset()
        self._uart.clear()
        self.sockets.abandon_all()
        self.settings = Settings()
        self.clock_is_set = False
        self.update_registration()

    def reboot(self) -> None:
        """Restart by itself (AT+CFUN=1,1)."""
        self.power_off()
        self.power_on()

    def hang(self) -> None:
        """Stop doing anything until power is cycled."""
        if self.power is Power.RUNNING:
            self.power = Power.HUNG
            self.update_registration()

    def receive(self, data: bytes) -> None:
        """Take bytes from the host; only a running modem hears them."""
        if self.power is Power.RUNNING:
            self.port.feed(data)

    def _booted(self) -> None:
        self.power = Power.RUNNING
        self.counters.boots += 1
        self.sim_ready = self.conditions.sim is SimState.READY
        self._serving = asyncio.create_task(
            self.port.serve(lambda command: self._execute(self, command))
        )
        self._announce("RDY")
        self._announce(f"+CFUN: {self.settings.function}")
        self._announce(f"+CPIN: {self.pin_state}")
        self._announce("+QIND: PB DONE")
        self.update_registration()

    def _write(self, data: bytes) -> None:
        if self.power is Power.RUNNING:
            self._uart.write(data)

    def _announce(self, line: str) -> None:
        if self.power is Power.RUNNING:
            self.port.announce(line)

    @property
    def pin_state(self) -> str:
        """What the modem says about its SIM card."""
        if self.conditions.sim is SimState.MISSING:
            return "NOT INSERTED"
        if self.sim_ready:
            return "READY"
        return "SIM PIN" if self.pin_tries else "SIM PUK"

    # Network

    def update_registration(self) -> None:
        """Look for the network, or leave it, after anything that decides this has changed."""
        searching = self.power is Power.RUNNING and self.settings.function == 1 and self.sim_ready
        if not searching:
            self._stop_search()
            self._set_registration(Registration.NOT_SEARCHING)
        elif not self.conditions.online:
            self._stop_search()
            self._set_registration(Registration.SEARCHING)
        elif self.registration is not Registration.HOME and self._registration_timer is None:
            delay_s = self.conditions.registration_delay_s
            if delay_s > 0:
                self._set_registration(Registration.SEARCHING)
                loop = asyncio.get_running_loop()
                self._registration_timer = loop.call_later(delay_s, self._found_network)
            else:
                self._found_network()

    def _stop_search(self) -> None:
        if self._registration_timer is not None:
            self._registration_timer.cancel()
            self._registration_timer = None

    def _found_network(self) -> None:
        self._registration_timer = None
        self.clock_is_set = True
        self._set_registration(Registration.HOME)

    def _set_registration(self, registration: Registration) -> None:
        if registration is Registration.HOME:
            self.link.usable.set()
        else:
            self.link.usable.clear()
        if registration is self.registration:
            return
        self.registration = registration
        for name, mode in self.settings.report_registration.items():
            if mode:
                self._announce(f"{name}: {self.registration_fields(mode)}")

    def registration_fields(self, mode: int) -> str:
        """Return the status, in mode 2 with area, cell and technology (7: LTE) if registered."""
        status = str(self.registration.value)
        if mode == 2 and self.registration is Registration.HOME:
            status += ',"1A2B","0C3D4E5",7'
        return status

    @property
    def attached(self) -> bool:
        """Whether packet data can be used."""
        return self.registration is Registration.HOME and self.settings.attach

    def deactivate_contexts(self) -> None:
        """Drop the data connections because the host left the network."""
        for context in self.settings.contexts.values():
            context.active = False
        self.sockets.abandon_all()
        self.drop_call()

    def lose_context(self, number: int) -> None:
        """Let the network take a data connection away, and tell the host."""
        if self.call is not None and self.call.context == number:
            self.call.terminate("the network has ended the call")
        context = self.settings.contexts.get(number)
        if context is not None and context.active:
            context.active = False
            self.sockets.abandon_all(number)
            self._announce(f'+QIURC: "pdpdeact",{number}')

    # Data call

    def connect_call(self, context: int) -> None:
        """Begin a data call: the line is its own from now on."""
        self.call = DataCall(
            self.conditions, self.packets, self.port, context, ended=self._call_ended
        )
        self.call.resume()

    def resume_call(self) -> None:
        """Give the line back to the call that +++ has interrupted."""
        if self.call is not None:
            self.call.resume()

    def drop_call(self) -> None:
        """Lose the carrier of the data call, if there is one."""
        if self.call is not None:
            self.call.drop()

    def forget_call(self) -> None:
        """Let the network forget the data call, and tell nobody."""
        if self.call is not None:
            self.call.forget()

    def _call_ended(self) -> None:
        self.call = None

    # Clock

    def utc_s(self) -> float:
        """Return the modem's clock in s since 1970: from the network, or from 1980 on."""
        if self.clock_is_set:
            return self.conditions.now()
        return FIRST_SECOND_S + self.conditions.now() - self._powered_at_s
