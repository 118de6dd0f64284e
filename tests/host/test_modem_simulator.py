"""The simulated modem as its host sees it: through the serial port, with real TCP behind it."""

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from at_host import FINAL, QUIET_S, TIMEOUT_S, Host
from typer.testing import CliRunner

from host_tools.modem_simulator import Conditions, ModemSimulator, SimState
from host_tools.modem_simulator.__main__ import app
from host_tools.modem_simulator.script import Script, ScriptError
from host_tools.pseudo_terminal import LinkInUseError, PseudoTerminal

ROOT = Path(__file__).resolve().parents[2]
NASTY = b'\r\nOK\r\n> \x1a\x1b\x00\xff+QIURC: "closed",0\r\n\r\r\n'
ANY_TIME_S = 1_752_537_600.0  # 2025-07-15 00:00:00 UTC


class Server:
    """A TCP server whose every move the test decides."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(TIMEOUT_S)
        self.port: int = self.listener.getsockname()[1]
        self.connections: list[socket.socket] = []

    def accept(self) -> socket.socket:
        connection, _ = self.listener.accept()
        connection.settimeout(TIMEOUT_S)
        self.connections.append(connection)
        return connection

    def close(self) -> None:
        for one in (self.listener, *self.connections):
            one.close()


class Bench:
    """A modem, its host and a server."""

    def __init__(self, link: Path, server: Server, conditions: Conditions) -> None:
        self.simulator = ModemSimulator(link, conditions).start()
        self.server = server
        self.host = Host(link)

    def ready(self) -> "Bench":
        """Wait for the end of boot and switch echo off."""
        self.host.hear("+QIND: PB DONE")
        assert self.host.ask("ATE0") == ["OK"]
        return self

    def connected(self, number: int = 0) -> socket.socket:
        """Open a socket to the server; return the server's end."""
        host = self.host
        if '+QIACT: 1,1,1,"10.64.0.1"' not in host.ask("AT+QIACT?"):
            assert host.ask("AT+QIACT=1") == ["OK"]
        command = f'AT+QIOPEN=1,{number},"TCP","127.0.0.1",{self.server.port},0,0'
        assert host.ask(command) == ["OK"]
        host.hear(f"+QIOPEN: {number},0")
        return self.server.accept()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@pytest.fixture
def start(tmp_path: Path, server: Server) -> Iterator[Callable[..., Bench]]:
    benches: list[Bench] = []

    def start_one(**conditions: object) -> Bench:
        wanted = Conditions(**({"boot_delay_s": 0.0} | conditions))  # type: ignore[arg-type]
        benches.append(Bench(tmp_path / "modem", server, wanted))
        return benches[-1]

    yield start_one
    for bench in benches:
        bench.host.close()
        bench.simulator.stop()


@pytest.fixture
def bench(start: Callable[..., Bench]) -> Bench:
    return start().ready()


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        assert piece
        data += piece
    return data


def says_nothing(connection: socket.socket) -> bool:
    return not select.select([connection], [], [], QUIET_S)[0]


# The command line


def test_echo_is_on_until_switched_off_and_answers_are_framed(start: Callable[..., Bench]) -> None:
    host = start().host
    host.hear("+QIND: PB DONE")
    host.write(b"AT\r")
    assert host.until(FINAL) == b"AT\r\r\nOK\r\n"
    host.ask("ATE0")
    host.write(b"AT\r")
    assert host.until(FINAL) == b"\r\nOK\r\n"
    host.ask("ATE1")
    host.write(b"AT+CMEE?\r")
    assert host.until(FINAL) == b"AT+CMEE?\r\r\n+CMEE: 1\r\n\r\nOK\r\n"


def test_lf_is_ignored_case_does_not_matter_and_noise_before_at_is_skipped(bench: Bench) -> None:
    bench.host.write(b"\n\xff\x00at+\ncsq\r\n")
    assert b"+CSQ: 24,99" in bench.host.until(FINAL)
    bench.host.write(b"\r\r\n\r")
    assert bench.host.hears_nothing()


def test_commands_sent_in_one_piece_are_answered_one_by_one(bench: Bench) -> None:
    bench.host.write(b"AT\rAT+CFUN?\rAT\r")
    expected = b"\r\nOK\r\n\r\n+CFUN: 1\r\n\r\nOK\r\n\r\nOK\r\n"
    assert bench.host.until(expected) == expected


@pytest.mark.parametrize(
    "command",
    ["AT+NOSUCH", "ATX9", "AT+CSQ=1", "AT+CMEE=7", "AT+CFUN=3", "AT+CREG=x", 'AT+CGDCONT=1,"IP']
    + ["AT+QIOPEN=1,12", "AT+QISEND=0,5", "AT+QIRD=0,10", "AT+QIACT=17", "AT" + "9" * 2000],
)
def test_a_wrong_command_is_an_error_and_the_next_one_works(bench: Bench, command: str) -> None:
    assert bench.host.ask(command) == ["ERROR"]
    assert bench.host.ask("AT") == ["OK"]


# SIM card


def test_a_missing_card_is_told_in_the_format_that_cmee_asks_for(
    start: Callable[..., Bench],
) -> None:
    host = start(sim=SimState.MISSING).ready().host
    assert host.ask("AT+CPIN?") == ["+CME ERROR: 10"]
    host.ask("AT+CMEE=2")
    assert host.ask("AT+CPIN?") == ["+CME ERROR: SIM not inserted"]
    assert host.ask("AT+CREG?") == ["+CREG: 0,0", "OK"]


def test_the_right_pin_lets_the_modem_register_and_three_wrong_ones_lock_the_card(
    start: Callable[..., Bench],
) -> None:
    bench = start(sim=SimState.PIN).ready()
    host = bench.host
    assert host.ask("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert host.ask("AT+CEREG?") == ["+CEREG: 0,0", "OK"]
    assert host.ask('AT+CPIN="1234"') == ["OK"]
    assert host.ask("AT+CPIN?") == ["+CPIN: READY", "OK"]
    assert host.ask("AT+CEREG?") == ["+CEREG: 0,1", "OK"]
    bench.simulator.power_cycle()
    bench.ready()
    for _ in range(3):
        assert host.ask('AT+CPIN="0000"') == ["+CME ERROR: 16"]
    assert host.ask("AT+CPIN?") == ["+CPIN: SIM PUK", "OK"]
    assert host.ask('AT+CPIN="1234"') == ["+CME ERROR: 3"]


# Network, clock, power


def test_the_clock_is_local_time_with_its_zone_and_in_1980_before_there_is_a_network(
    start: Callable[..., Bench],
) -> None:
    bench = start(online=False, now=lambda: ANY_TIME_S, time_zone_quarter_hours=-14).ready()
    assert bench.host.ask("AT+CCLK?") == ['+CCLK: "80/01/06,00:00:00+00"', "OK"]
    bench.simulator.go_online()
    assert bench.host.ask("AT+CCLK?") == ['+CCLK: "25/07/14,20:30:00-14"', "OK"]


def test_flight_mode_and_a_reboot_leave_the_network_and_its_contexts(bench: Bench) -> None:
    host = bench.host
    for command in ("AT+CFUN=4", "AT+CFUN=1,1"):
        bench.connected()
        assert host.ask(command) == ["OK"]
        if command == "AT+CFUN=4":
            assert host.ask("AT+CREG?") == ["+CREG: 0,0", "OK"]
        else:
            bench.ready()
        assert host.ask("AT+QIACT?") == ["OK"]
        assert host.ask("AT+QISTATE?") == ["OK"]
        host.ask("AT+CFUN=1")
        assert host.ask("AT+CREG?") == ["+CREG: 0,1", "OK"]


def test_network_that_wants_a_login_takes_the_right_one_only(start: Callable[..., Bench]) -> None:
    host = start(user="meter", password="secret").ready().host
    assert host.ask("AT+QIACT=1") == ["ERROR"]
    assert host.ask('AT+QICSGP=1,1,"internet","meter","wrong",3') == ["OK"]
    assert host.ask("AT+QIACT=1") == ["ERROR"]
    assert host.ask('AT+QICSGP=1,1,"internet","meter","secret",3') == ["OK"]
    assert host.ask("AT+QIACT=1") == ["OK"]


def test_registration_comes_after_its_delay_and_is_reported(start: Callable[..., Bench]) -> None:
    begin = time.monotonic()
    host = start(registration_delay_s=0.2).ready().host
    host.ask("AT+CREG=1")
    host.ask("AT+CEREG=2")
    assert host.ask("AT+CREG?") == ["+CREG: 1,2", "OK"]
    assert host.ask("AT+COPS?") == ["+COPS: 0", "OK"]
    assert host.ask("AT+CGATT?") == ["+CGATT: 0", "OK"]
    assert host.ask("AT+QIACT=1") == ["ERROR"]
    host.hear("+CREG: 1")
    host.hear('+CEREG: 1,"1A2B","0C3D4E5",7')
    assert time.monotonic() - begin >= 0.2
    assert host.ask("AT+CGREG?") == ["+CGREG: 0,1", "OK"]
    assert host.ask("AT+COPS?") == ['+COPS: 0,0,"SIMULATED",7', "OK"]
    assert host.ask("AT+CGATT?") == ["+CGATT: 1", "OK"]


def test_a_hung_modem_is_silent_until_its_power_is_cycled(bench: Bench) -> None:
    connection = bench.connected()
    bench.simulator.hang()
    bench.host.write(b"AT\r")
    connection.sendall(b"anyone there?")
    assert bench.host.hears_nothing()
    bench.simulator.power_cycle()
    bench.ready()
    assert says_nothing(connection)  # the server cannot know
    assert bench.host.ask("AT+QISTATE?") == ["OK"]
    bench.connected()


def test_the_host_switches_power_with_the_pin_file(tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text("0\n")
    conditions = Conditions(boot_delay_s=0)
    with ModemSimulator(tmp_path / "modem", conditions, power_pin=pin) as simulator:
        host = Host(simulator.link)
        host.write(b"AT\r")
        assert host.hears_nothing()
        pin.write_text("1\n")
        host.hear("RDY")
        simulator.hang()
        pin.write_text("0\n")
        deadline = time.monotonic() + TIMEOUT_S
        while simulator.status()["power"] != "off" and time.monotonic() < deadline:
            time.sleep(0.01)
        pin.unlink()
        host.hear("RDY")
        host.close()


# Contexts and sockets


def test_data_goes_up_and_comes_down_byte_for_byte(bench: Bench) -> None:
    connection = bench.connected()
    everything = bytes(range(256)) + NASTY
    assert bench.host.send(everything) == "SEND OK"
    assert receive_exactly(connection, len(everything)) == everything
    connection.sendall(everything)
    bench.host.hear('+QIURC: "recv",0')
    assert bench.host.fetch_all(len(everything)) == everything
    counters = bench.simulator.counters
    assert (counters.bytes_up, counters.bytes_down) == (len(everything), len(everything))
    assert counters.bytes_on_air == 2 * (len(everything) + 40)


def test_recv_is_announced_again_only_after_everything_was_read(bench: Bench) -> None:
    connection = bench.connected()
    host = bench.host
    connection.sendall(b"first")
    host.hear('+QIURC: "recv",0')
    connection.sendall(b"second")
    assert host.hears_nothing()
    assert host.fetch(3) == b"fir"
    assert host.ask("AT+QIRD=0,0") == ["+QIRD: 11,3,8", "OK"]
    connection.sendall(b"third")
    assert host.hears_nothing()
    assert host.fetch() == b"stsecondthird"
    assert host.fetch() == b""
    connection.sendall(b"fourth")
    host.hear('+QIURC: "recv",0')


def test_an_announcement_waits_for_the_end_of_a_command(bench: Bench) -> None:
    connection = bench.connected()
    host = bench.host
    host.write(b"AT+QISEND=0,4\r")
    host.until(b"\r\n> ")
    connection.sendall(b"x")
    assert host.hears_nothing()
    host.write(b"data")
    assert host.until(b'"recv",0\r\n') == b'\r\nSEND OK\r\n\r\n+QIURC: "recv",0\r\n'


def test_a_remote_close_is_announced_after_the_data_which_can_still_be_read(bench: Bench) -> None:
    connection = bench.connected()
    connection.sendall(b"last words")
    connection.close()
    bench.host.hear('+QIURC: "recv",0')
    bench.host.hear('+QIURC: "closed",0')
    assert re.match(r'\+QISTATE: 0,"TCP",.*,4,1,0,0,"uart1"', bench.host.ask("AT+QISTATE?")[0])
    assert bench.host.fetch() == b"last words"
    assert bench.host.ask("AT+QISEND=0,5") == ["ERROR"]
    assert bench.host.ask("AT+QICLOSE=0") == ["OK"]
    assert bench.host.ask("AT+QISTATE?") == ["OK"]


def test_closing_ends_the_connection_after_the_data_under_way(bench: Bench) -> None:
    bench.simulator.change(latency_ms=60)
    connection = bench.connected()
    bench.host.send(b"goodbye")
    assert bench.host.ask("AT+QICLOSE=0,5") == ["OK"]
    assert receive_exactly(connection, 7) == b"goodbye"
    assert connection.recv(1) == b""
    assert bench.host.ask("AT+QICLOSE=0") == ["OK"]  # closing what is closed does no harm


@pytest.mark.parametrize(
    ("host_name", "error"), [("127.0.0.1", 566), ("nonexistent.invalid", 565)]
)
def test_a_failed_open_says_why_and_frees_the_socket(
    bench: Bench, host_name: str, error: int
) -> None:
    unused = socket.create_server(("127.0.0.1", 0))
    port = unused.getsockname()[1]
    unused.close()
    bench.host.ask("AT+QIACT=1")
    assert bench.host.ask(f'AT+QIOPEN=1,3,"TCP","{host_name}",{port},0,0') == ["OK"]
    bench.host.hear(f"+QIOPEN: 3,{error}")
    assert bench.host.ask("AT+QIGETERROR")[0].startswith(f"+QIGETERROR: {error},")
    assert bench.host.ask("AT+QISTATE?") == ["OK"]


def test_a_datagram_goes_both_ways_beside_a_connection(bench: Bench) -> None:
    bench.connected()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(5)
        command = f'AT+QIOPEN=1,1,"UDP","127.0.0.1",{peer.getsockname()[1]},0,0'
        assert bench.host.ask(command) == ["OK"]
        bench.host.hear("+QIOPEN: 1,0")
        assert bench.host.send(b"what?", 1) == "SEND OK"
        question, sender = peer.recvfrom(100)
        assert question == b"what?"
        peer.sendto(b"that", sender)
        bench.host.hear('+QIURC: "recv",1')
        assert bench.host.ask("AT+QIRD=1,100")[:2] == ["+QIRD: 4", "that"]
        assert bench.host.ask("AT+QICLOSE=1,2") == ["OK"]
    assert '"TCP"' in bench.host.ask("AT+QISTATE?")[0]


def test_opening_needs_an_active_context_and_a_free_number(bench: Bench) -> None:
    command = f'AT+QIOPEN=1,0,"TCP","localhost",{bench.server.port},0,0'
    assert bench.host.ask(command) == ["ERROR"]
    assert bench.host.ask("AT+QIGETERROR")[0].startswith("+QIGETERROR: 561,")
    bench.connected()
    assert bench.host.ask(command) == ["OK"]
    bench.host.hear("+QIOPEN: 0,563")


def test_sending_fails_when_the_buffer_is_full_and_works_again_later(
    start: Callable[..., Bench],
) -> None:
    bench = start(send_buffer_bytes=2000).ready()
    connection = bench.connected()
    bench.simulator.go_offline()
    assert bench.host.send(b"a" * 1460) == "SEND OK"
    assert bench.host.send(b"b" * 1460) == "SEND FAIL"
    assert bench.host.ask("AT+QISEND=0,0") == ["+QISEND: 1460,0,1460", "OK"]
    bench.simulator.go_online()
    assert receive_exactly(connection, 1460) == b"a" * 1460
    assert bench.host.ask("AT+QISEND=0,0") == ["+QISEND: 1460,1460,0", "OK"]
    assert bench.host.send(b"c" * 1460) == "SEND OK"
    assert receive_exactly(connection, 1460) == b"c" * 1460


def test_a_lost_context_closes_its_sockets_and_is_announced(bench: Bench) -> None:
    connection = bench.connected()
    bench.simulator.deactivate_context(1)
    bench.host.hear('+QIURC: "pdpdeact",1')
    assert bench.host.ask("AT+QISTATE?") == ["OK"]
    assert bench.host.ask("AT+QIACT?") == ["OK"]
    assert says_nothing(connection)


# The link


def test_offline_nothing_moves_and_nobody_is_told(bench: Bench) -> None:
    connection = bench.connected()
    bench.simulator.go_offline()
    assert bench.host.send(b"up") == "SEND OK"
    connection.sendall(b"down")
    assert says_nothing(connection)
    assert bench.host.hears_nothing()
    assert bench.simulator.counters.bytes_on_air == 0
    bench.simulator.go_online()
    assert receive_exactly(connection, 2) == b"up"
    bench.host.hear('+QIURC: "recv",0')
    assert bench.host.fetch() == b"down"


def test_a_socket_closed_offline_stays_open_for_the_peer(bench: Bench) -> None:
    connection = bench.connected()
    bench.simulator.go_offline()
    assert bench.host.ask("AT+QICLOSE=0,0") == ["OK"]
    bench.simulator.go_online()
    assert says_nothing(connection)
    bench.connected(0)


def test_an_open_that_finds_no_network_is_given_up(start: Callable[..., Bench]) -> None:
    bench = start(connect_timeout_s=0.05).ready()
    bench.host.ask("AT+QIACT=1")
    bench.simulator.go_offline()
    bench.host.ask(f'AT+QIOPEN=1,0,"TCP","127.0.0.1",{bench.server.port}')
    bench.host.hear("+QIOPEN: 0,566")


def test_a_round_trip_takes_at_least_the_latency(bench: Bench) -> None:
    bench.simulator.change(latency_ms=150)
    connection = bench.connected()
    begin = time.monotonic()
    bench.host.send(b"ping")
    connection.sendall(receive_exactly(connection, 4))
    assert time.monotonic() - begin >= 0.075
    bench.host.hear('+QIURC: "recv",0')
    assert time.monotonic() - begin >= 0.15


def test_data_takes_at_least_its_time_at_the_rate(bench: Bench) -> None:
    connection = bench.connected()
    bench.simulator.change(rate_bit_s=100_000)
    begin = time.monotonic()
    for _ in range(2):
        bench.host.send(bytes(1460))
    receive_exactly(connection, 2920)
    assert time.monotonic() - begin >= 2 * 1500 * 8 / 100_000


def test_answers_can_be_late(start: Callable[..., Bench]) -> None:
    bench = start(answer_delay_ms=80).ready()
    begin = time.monotonic()
    bench.host.ask("AT")
    assert time.monotonic() - begin >= 0.08


def test_garbage_and_unrelated_lines_come_between_lines_and_are_repeatable(
    start: Callable[..., Bench],
) -> None:
    def record() -> bytes:
        bench = start(garbage=0.5, unsolicited=0.5, seed=3)
        bench.host.hear("+QIND: PB DONE")
        bench.host.write(b"ATE0\r" + b"AT+CFUN?\r" * 20 + b"AT+CMEE?\r")
        heard = bench.host.until(b"+CMEE: 1\r\n")
        bench.simulator.stop()
        return heard

    first, second = record(), record()
    assert first == second
    assert first.count(b"\r\n+CFUN: 1\r\n") == 20
    assert b"\xff" in first
    assert b'+QIND: "csq"' in first


# The port


def test_a_link_in_use_is_refused_and_a_stale_one_replaced(tmp_path: Path) -> None:
    link = tmp_path / "port"
    with PseudoTerminal(link), pytest.raises(LinkInUseError, match="another simulator"):
        PseudoTerminal(link)
    master, slave = os.openpty()  # a terminal, but no simulator's: its number was used again
    link.symlink_to(os.ttyname(slave))
    with PseudoTerminal(link) as terminal:
        assert os.readlink(link) == str(terminal.device)
    link.symlink_to(tmp_path / "nowhere")
    with PseudoTerminal(link):
        pass
    os.close(master)
    os.close(slave)


def test_a_link_replaced_by_somebody_else_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "port"
    terminal = PseudoTerminal(link)
    link.unlink()
    link.symlink_to(tmp_path / "elsewhere")
    terminal.close()
    assert os.readlink(link) == str(tmp_path / "elsewhere")


def test_the_terminal_passes_every_byte_and_never_blocks(tmp_path: Path) -> None:
    with PseudoTerminal(tmp_path / "port") as terminal:
        slave = os.open(terminal.link, os.O_RDWR | os.O_NOCTTY)
        os.write(terminal.fd, bytes(range(256)))
        assert os.read(slave, 1000) == bytes(range(256))
        os.write(slave, bytes(range(256)))
        assert os.read(terminal.fd, 1000) == bytes(range(256))
        with pytest.raises(BlockingIOError):
            os.read(terminal.fd, 1)
        os.close(slave)


# The command line tool


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rssi", "32"], "rssi must be 0 to 31, not 32."),
        (["--rate", "0"], "rate must be more than 0 bit/s, not 0."),
        (["--latency", "-1"], "latency must be 0 ms or more, not -1."),
        (["--registration-delay", "nan"], "registration delay must be 0 s or more, not nan."),
        (["--status", "/no/such/folder/status"], "/no/such/folder is not a directory"),
        (["--baud", "0"], "baud must be more than 0 bit/s, not 0."),
        (["--password", "secret"], "a password needs a user."),
        (["--host-name", "broker.test"], "is not like broker.test=10.64.64.1."),
        (["--host-name", "broker.test=1.2.3"], "'1.2.3' of broker.test is not an IPv4 address."),
        (["--script", "/no/such/script"], "script /no/such/script cannot be read"),
    ],
)
def test_a_bad_option_is_one_sentence_and_a_failure(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    result = CliRunner().invoke(app, ["--link", str(tmp_path / "modem"), *arguments])
    assert result.exit_code != 0
    assert words in result.output
    assert len(result.output.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dorp", "'dorp' is not a command; there are drop, end-context, half-open, hang,"),
        ("wait", "wait takes a number of seconds, as in: wait 30"),
        ("wait -1", "-1 s cannot be waited for."),
        ("drop now", "drop takes nothing behind it, not 'now'."),
        ("end-context", "end-context takes the number of a data connection"),
        ("set", "set takes conditions, as in: set latency_ms=200 rssi=9"),
        ("set rssi", "'rssi' is not like name=value."),
        ("set now=3", "'now' cannot be set; what can is address_policy, answer_delay_ms,"),
        ("set rssi=high", "rssi is a number, not 'high'."),
        ("set carrier=maybe", "carrier is yes or no, not 'maybe'."),
        ("set address_policy=no", "address_policy is one of give, reject, terminate, not 'no'."),
    ],
)
def test_a_bad_script_line_is_named_with_its_place_before_anything_happens(
    tmp_path: Path, line: str, words: str
) -> None:
    script = tmp_path / "bad"
    script.write_text(f"# trouble ahead\n\noffline # at once\n{line}\n")
    result = CliRunner().invoke(app, ["--link", str(tmp_path / "modem"), "--script", str(script)])
    assert result.exit_code != 0
    assert f"modem simulator: {script}:4: " in result.output
    assert words in result.output
    assert len(result.output.splitlines()) == 1
    assert not (tmp_path / "modem").is_symlink()


def test_a_script_happens_in_its_order_and_says_what_it_has_done(
    start: Callable[..., Bench],
) -> None:
    bench = start().ready()
    bench.host.ask("AT+CREG=1")
    lines = ["# one", "set rssi=9  rate_bit_s=none carrier=no", "offline", "wait 0.05", "online"]
    told: list[str] = []
    begin = time.monotonic()
    Script("here", lines).run(bench.simulator, threading.Event(), told.append)
    assert time.monotonic() - begin >= 0.05
    assert told == ["set rssi=9 rate_bit_s=none carrier=no", "offline", "wait 0.05", "online"]
    assert bench.host.ask("AT+CSQ") == ["+CREG: 2", "+CREG: 1", "+CSQ: 9,99", "OK"]
    with pytest.raises(ScriptError, match="here:1: rssi must be 0 to 31, not 32."):
        Script("here", ["set rssi=32"]).run(bench.simulator, threading.Event(), told.append)


def test_a_path_that_is_taken_is_left_as_it_is(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("mine")
    result = CliRunner().invoke(app, ["--link", str(taken)])
    assert result.exit_code != 0
    assert "exists and is not a link" in result.output
    assert taken.read_text() == "mine"
    missing = CliRunner().invoke(app, ["--link", str(tmp_path / "no" / "modem")])
    assert "is not a directory" in missing.output


def test_the_command_serves_until_sigterm_and_cleans_up(tmp_path: Path) -> None:
    link, status = tmp_path / "modem", tmp_path / "status.json"
    tool = subprocess.Popen(
        [sys.executable, "-m", "host_tools.modem_simulator"]
        + ["--link", str(link), "--status", str(status), "--trace"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(tool.kill)
        assert tool.stdout is not None
        assert re.fullmatch(rf"modem: {link} -> /dev/pts/\d+\n", tool.stdout.readline())
        host = Host(link)
        cleanup.callback(host.close)
        host.hear("+QIND: PB DONE")
        assert host.ask("AT") == ["OK"]
        tool.send_signal(signal.SIGTERM)
        _, log = tool.communicate(timeout=TIMEOUT_S)
    assert tool.returncode == 0
    assert not link.is_symlink()
    assert json.loads(status.read_text())["boots"] == 1
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3} <- AT$", log, re.MULTILINE)
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3} -> OK$", log, re.MULTILINE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["status.json"]
