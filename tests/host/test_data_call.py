"""Data calls as the modem's host sees them: AT commands, PPP, and IP packets that come back."""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from at_host import FINAL, TIMEOUT_S, Host
from ppp_client import (
    ECHO,
    ECHO_REPLY,
    END,
    IP,
    LCP,
    PppClient,
    datagram,
    exchange,
    ip_packet,
    name_query,
    ping,
    pong,
)

from host_tools import tun
from host_tools.modem_simulator import AddressPolicy, Conditions, ModemSimulator
from host_tools.modem_simulator.packet_network import PacketNetwork
from host_tools.private_network import PrivateNetwork

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = "10.64.64.1"
GUARD_S = 0.05
CONNECT = "CONNECT 150000000"


class Caller:
    """A host that dials: AT until CONNECT, PPP from then on."""

    simulator: ModemSimulator

    def __init__(self, link: Path) -> None:
        self.host = Host(link)
        self.client = PppClient(self.host.write)

    def ready(self) -> "Caller":
        self.host.hear("+QIND: PB DONE")
        assert self.host.ask("ATE0") == ["OK"]
        return self

    def dial(self, command: str = "ATD*99#", **account: object) -> None:
        self.host.write(command.encode() + b"\r")
        self.host.hear(CONNECT)
        self.client = PppClient(self.host.write, **account)  # type: ignore[arg-type]
        self.client.request(LCP)

    def up(self, command: str = "ATD*99#") -> "Caller":
        self.dial(command)
        self.until(lambda: self.client.up)
        return self

    def until(self, done: Callable[[], bool]) -> None:
        assert exchange(self.host.fd, self.client, done, TIMEOUT_S), self.client.heard

    def hang_up(self) -> None:
        """End the call in PPP; the confirmation comes together with the modem's word."""
        self.client.control(LCP, END, b"bye")
        self.host.hear("NO CARRIER")

    def hears_echo(self) -> bool:
        """Whether the modem answers in PPP."""
        self.client.heard.clear()
        self.client.control(LCP, ECHO, b"host")
        return exchange(self.host.fd, self.client, lambda: self.heard(ECHO_REPLY), 0.5)

    def heard(self, code: int) -> bool:
        return any(p == LCP and c == code for p, c, _, _ in self.client.heard)

    def ping(self, number: int = 1, source: str | None = None, wait_s: float = TIMEOUT_S) -> bool:
        """Whether the machine behind the network answers."""
        request = ping(source or self.client.address, GATEWAY, number)
        self.client.packets.clear()
        self.client.send(IP, request)

        def answered() -> bool:
            return pong(request) in [pong(packet) for packet in self.client.packets]

        return exchange(self.host.fd, self.client, answered, wait_s)

    def ask_name(self, name: str) -> bytes:
        """The name server's answer."""
        self.client.packets.clear()
        query = name_query(name)
        self.client.send(IP, datagram(self.client.address, GATEWAY, 53, query))
        self.until(lambda: bool(self.client.packets))
        return self.client.packets[0][28:]

    def close(self) -> None:
        self.host.close()


# The serial line; what is behind the network is left out


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    async def open_nothing(_network: PacketNetwork) -> None:
        pass

    monkeypatch.setattr(PacketNetwork, "open", open_nothing)


@pytest.fixture
def start(tmp_path: Path, no_kernel: None) -> Iterator[Callable[..., Caller]]:
    with contextlib.ExitStack() as cleanup:

        def start_one(**conditions: object) -> Caller:
            wanted = Conditions(
                **({"boot_delay_s": 0, "escape_guard_s": GUARD_S} | conditions)  # type: ignore[arg-type]
            )
            simulator = cleanup.enter_context(ModemSimulator(tmp_path / "modem", wanted))
            caller = Caller(simulator.link)
            caller.simulator = simulator
            cleanup.callback(caller.close)
            return caller.ready()

        yield start_one


@pytest.fixture
def caller(start: Callable[..., Caller]) -> Caller:
    return start()


@pytest.fixture
def simulator(caller: Caller) -> ModemSimulator:
    return caller.simulator


@pytest.mark.parametrize(
    "command", ["ATD*99#", "ATDT*99#", "atd*99***1#", "ATD*99***16#", 'AT+CGDATA="PPP",1']
)
def test_dialling_connects_and_negotiates(
    caller: Caller, simulator: ModemSimulator, command: str
) -> None:
    caller.up(command)
    assert caller.client.address == "10.64.64.64"
    assert simulator.status()["call"] == "up"
    assert simulator.status()["address"] == "10.64.64.64"


def test_ppp_that_comes_early_is_not_lost(caller: Caller) -> None:
    early: list[bytes] = []
    caller.client = PppClient(early.append)
    caller.client.request(LCP)
    caller.host.write(b"ATD*99#\r" + b"".join(early))
    caller.host.hear(CONNECT)
    caller.client.write = caller.host.write
    caller.client.feed(caller.host.pending)
    caller.until(lambda: caller.client.up)


@pytest.mark.parametrize("command", ["ATD*98#", "ATD0815;", "ATD"])
def test_another_number_has_no_carrier(caller: Caller, command: str) -> None:
    caller.host.write(command.encode() + b"\r")
    caller.host.hear("NO CARRIER")
    assert caller.host.ask("AT") == ["OK"]


@pytest.mark.parametrize(
    "conditions", [{"carrier": False}, {"online": False}, {"registration_delay_s": 60}]
)
def test_without_network_or_when_refused_there_is_no_carrier(
    start: Callable[..., Caller], conditions: dict[str, object]
) -> None:
    host = start(**conditions).host
    host.write(b"ATD*99#\r")
    host.hear("NO CARRIER")
    assert host.ask('AT+CGDATA="X.25",1') == ["ERROR"]
    assert host.ask("ATH") == ["OK"]
    host.write(b"ATO\r")
    host.hear("NO CARRIER")


def test_the_hosts_hang_up_in_ppp_makes_the_line_an_at_line_again(caller: Caller) -> None:
    for number in (64, 65):
        caller.up()
        assert caller.client.address == f"10.64.64.{number}"
        caller.hang_up()
        assert caller.host.ask("AT") == ["OK"]


def interrupt(caller: Caller) -> None:
    time.sleep(GUARD_S * 1.5)
    for _ in range(3):
        caller.host.write(b"+")
    caller.host.hear("OK")


def test_plus_signs_in_silence_interrupt_and_ato_goes_on(
    caller: Caller, simulator: ModemSimulator
) -> None:
    caller.up()
    interrupt(caller)
    assert caller.host.ask("AT+CSQ") == ["+CSQ: 24,99", "OK"]
    assert caller.host.ask("ATD*99#") == ["ERROR"]
    assert simulator.status()["call"] == "up"
    caller.host.write(b"ATO\r")
    caller.host.hear(CONNECT)
    assert caller.hears_echo()
    interrupt(caller)
    assert caller.host.ask("ATH") == ["NO CARRIER", "OK"]
    assert simulator.status()["call"] is None
    caller.up()


def test_plus_signs_among_data_are_data(caller: Caller) -> None:
    caller.up()
    for text in (b"+++", b"+++\r", b"++++", b"++"):
        caller.client.control(LCP, ECHO, b"host")
        if text != b"+++":
            time.sleep(GUARD_S * 1.5)
        caller.host.write(text)
        if text != b"++":
            caller.client.control(LCP, ECHO, b"host")
        time.sleep(GUARD_S * 1.5)
        assert caller.hears_echo()


def test_unsolicited_lines_wait_for_the_end_of_the_call(
    caller: Caller, simulator: ModemSimulator
) -> None:
    caller.host.ask("AT+CREG=1")
    caller.up()
    simulator.go_offline()
    assert caller.hears_echo()
    simulator.drop_call()
    heard = caller.host.until(b"+CREG: 2\r\n")
    assert heard == b"\r\nNO CARRIER\r\n\r\n+CREG: 2\r\n"


def test_a_lost_carrier_is_told_at_once_and_not_in_ppp(
    caller: Caller, simulator: ModemSimulator
) -> None:
    caller.up()
    simulator.drop_call()
    assert caller.host.until(b"NO CARRIER\r\n") == b"\r\nNO CARRIER\r\n"
    caller.up()
    interrupt(caller)
    simulator.drop_call()
    caller.host.hear("NO CARRIER")


def test_the_network_can_end_a_call_in_an_orderly_way(
    caller: Caller, simulator: ModemSimulator
) -> None:
    caller.up("ATD*99***3#")
    simulator.deactivate_context(1)
    assert caller.hears_echo()
    simulator.deactivate_context(3)
    caller.until(lambda: caller.heard(END))
    caller.host.hear("NO CARRIER")


def test_leaving_the_network_ends_the_call(caller: Caller) -> None:
    caller.up()
    interrupt(caller)
    assert caller.host.ask("AT+CFUN=4") == ["OK"]
    caller.host.hear("NO CARRIER")


def test_a_hung_modem_is_silent_in_ppp_too_until_its_power_is_cycled(
    caller: Caller, simulator: ModemSimulator
) -> None:
    caller.up()
    simulator.hang()
    assert not caller.hears_echo()
    simulator.power_cycle()
    caller.ready().up()


def test_a_wrong_password_ends_the_call(start: Callable[..., Caller]) -> None:
    caller = start(user="meter", password="secret")
    caller.dial(user=b"meter", password=b"wrong")
    caller.until(lambda: caller.heard(END))
    caller.host.hear("NO CARRIER")
    caller.dial(user=b"meter", password=b"secret")
    caller.until(lambda: caller.client.up)


def test_a_refused_address_leaves_a_link_without_one(start: Callable[..., Caller]) -> None:
    caller = start(address_policy=AddressPolicy.TERMINATE)
    caller.dial()
    caller.until(lambda: any(code == END for _, code, _, _ in caller.client.heard))
    assert caller.hears_echo()
    assert not caller.client.up


def test_without_a_tun_device_there_is_no_carrier_and_everything_else_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tun, "DEVICE", str(tmp_path / "none"))
    with ModemSimulator(tmp_path / "modem", Conditions(boot_delay_s=0)) as simulator:
        caller = Caller(simulator.link).ready()
        caller.host.write(b"ATD*99#\r")
        caller.host.hear("NO CARRIER")
        assert caller.host.ask("AT+QIACT=1") == ["OK"]
        caller.close()
    assert f"{tmp_path / 'none'} is missing" in caplog.text


def test_the_serial_line_takes_its_time_both_ways(start: Callable[..., Caller]) -> None:
    caller = start(uart_bit_s=9600)
    begin = time.monotonic()
    caller.host.write(b"AT+CFUN?\r" * 10)
    for _ in range(10):
        caller.host.until(FINAL)
    answer = len(b"\r\n+CFUN: 1\r\n\r\nOK\r\n")
    least_s = (len(b"AT+CFUN?\r") + 10 * answer) * 10 / 9600
    assert least_s * 0.95 <= time.monotonic() - begin < least_s + 1
    begin = time.monotonic()
    caller.host.write(b" " * 200 + b"AT\r")
    caller.host.until(FINAL)
    assert time.monotonic() - begin >= 203 * 10 / 9600 * 0.95


# The whole, in a network of its own


class Bench:
    """The modem simulator as a process in a private network, driven by its script."""

    def __init__(self, folder: Path, network: PrivateNetwork, *options: str) -> None:
        self.status = folder / "status.json"
        command = [sys.executable, "-m", "host_tools.modem_simulator", "--script", "-"]
        command += ["--link", str(folder / "modem"), "--status", str(self.status), *options]
        self.process = subprocess.Popen(
            network.command(command),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("modem: ")
        self.caller = Caller(folder / "modem").ready()

    def do(self, line: str) -> None:
        """Give a script command and wait until it has taken effect."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert select.select([self.process.stdout], [], [], TIMEOUT_S)[0]
        assert self.process.stdout.readline() == f"script: {line}\n"

    def stop(self) -> dict[str, int]:
        """Stop, and return the last status."""
        self.caller.close()
        self.process.terminate()
        self.process.communicate(timeout=TIMEOUT_S)
        return json.loads(self.status.read_text())


@pytest.fixture
def bench(tmp_path: Path, network: PrivateNetwork) -> Iterator[Bench]:
    one = Bench(tmp_path, network, "--host-name", "broker.test=10.64.64.1")
    yield one
    if one.process.poll() is None:
        one.stop()


def test_packets_reach_the_machine_and_every_byte_of_them_is_counted(bench: Bench) -> None:
    caller = bench.caller.up()
    for number in range(3):
        assert caller.ping(number)
    for lost in (
        ping("10.64.64.99", GATEWAY, 1),  # not the host's address
        b"\x45\x00",
        ip_packet(caller.client.address, "10.64.64.77", 1, b"nobody there"),
    ):
        caller.client.send(IP, lost)
    assert caller.ping(4)
    counters = bench.stop()
    size = len(ping(GATEWAY, GATEWAY, 1))
    stray = len(ip_packet(GATEWAY, GATEWAY, 1, b"nobody there"))
    assert (counters["packets_up"], counters["packets_down"]) == (5, 4)
    assert counters["packet_bytes_up"] == 4 * size + stray
    assert counters["bytes_on_air"] == 8 * size + stray


def test_the_networks_name_server_knows_the_names_it_was_given(bench: Bench) -> None:
    caller = bench.caller.up()
    answer = caller.ask_name("Broker.Test")
    assert answer[:4] == b"\x12\x34\x81\x80"
    assert answer[-6:] == b"\x00\x04" + bytes([10, 64, 64, 1])
    assert caller.ask_name("other.test")[3] & 0x0F == 3


def test_a_round_trip_takes_its_time_on_the_radio_link(bench: Bench) -> None:
    bench.do("set latency_ms=150")
    caller = bench.caller.up()
    begin = time.monotonic()
    assert caller.ping()
    assert time.monotonic() - begin >= 0.15
    bench.do("set latency_ms=0 rate_bit_s=10000")
    begin = time.monotonic()
    assert caller.ping()
    assert time.monotonic() - begin >= 2 * len(ping(GATEWAY, GATEWAY, 1)) * 8 / 10_000


def test_without_network_packets_are_lost_and_the_modem_still_answers(bench: Bench) -> None:
    caller = bench.caller.up()
    bench.do("offline")
    assert not caller.ping(1, wait_s=0.2)
    assert caller.hears_echo()
    bench.do("online")
    assert caller.ping(2)


def test_a_half_open_call_is_silent_until_the_host_dials_again(bench: Bench) -> None:
    caller = bench.caller.up()
    assert caller.ping(1)
    first = caller.client.address
    bench.do("half-open")
    assert not caller.ping(2, wait_s=0.2)
    assert caller.hears_echo()
    caller.hang_up()
    caller.up()
    assert caller.client.address != first
    assert caller.ping(3)
    assert not caller.ping(4, source=first, wait_s=0.2)


def test_packets_wait_while_the_host_gives_commands(bench: Bench) -> None:
    bench.do("set escape_guard_s=0.05")
    caller = bench.caller.up()
    request = ping(caller.client.address, GATEWAY, 1)
    bench.do("set latency_ms=400")  # the answer comes when nobody listens
    caller.client.send(IP, request)
    interrupt(caller)
    time.sleep(0.5)
    assert caller.host.ask("AT") == ["OK"]
    caller.host.write(b"ATO\r")
    caller.host.hear(CONNECT)
    caller.client.feed(caller.host.pending)
    caller.until(lambda: pong(request) in [pong(packet) for packet in caller.client.packets])


def test_a_typing_mistake_in_the_script_ends_the_simulator_with_a_word(
    tmp_path: Path, network: PrivateNetwork
) -> None:
    bench = Bench(tmp_path, network)
    assert bench.process.stdin is not None
    os.write(bench.process.stdin.fileno(), b"# fine\noffline\ndorp\n")
    assert bench.process.wait(TIMEOUT_S) == 1
    bench.stop()
