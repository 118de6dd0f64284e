"""The broker starts, dies and comes back when told to, and says why when it cannot."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from host_tools import broker as module
from host_tools.broker import Broker, BrokerError
from host_tools.child_process import ChildProcess
from host_tools.private_network import PrivateNetwork
from host_tools.receiver import Receiver, Store


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_it_accepts_connections_as_soon_as_it_has_started(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        assert accepts(broker.port)
    assert not accepts(broker.port)
    assert not broker.running


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_it_starts_again_on_the_same_port(tmp_path: Path, how: str) -> None:
    with Broker(tmp_path) as broker:
        port = broker.port
        with socket.create_connection(("127.0.0.1", port)):
            getattr(broker, how)()
            assert not accepts(port)
            broker.check()  # it was told to end: no fault
            broker.start()
        assert broker.port == port
        assert accepts(port)


def test_a_busy_port_is_named_and_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BrokerError) as caught:
            Broker(tmp_path, port).start()
    assert str(caught.value) == (
        f"port {port} is in use by another program; stop that one or choose another port."
    )


def test_a_missing_mosquitto_is_named_and_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "_SYSTEM_FOLDERS", ())
    with pytest.raises(BrokerError) as caught:
        Broker(tmp_path).start()
    assert "install the Debian package mosquitto" in str(caught.value)


def test_mosquitto_is_found_where_users_have_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert module.find_mosquitto().name == "mosquitto"


def test_a_broker_that_dies_at_start_leaves_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "mosquitto"
    fake.write_text("#!/bin/sh\necho 'Error: no memory for me.'\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(BrokerError) as caught:
        Broker(tmp_path / "broker").start()
    assert "exit code 3" in str(caught.value)
    assert "Error: no memory for me." in str(caught.value)


def test_a_broker_that_dies_later_is_noticed(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        broker.check()
        assert broker._child is not None
        assert broker._child.pid is not None
        os.kill(broker._child.pid, signal.SIGKILL)
        assert broker._child.wait(5)
        with pytest.raises(BrokerError, match="was ended by SIGKILL"):
            broker.check()


def test_it_keeps_nothing_unless_told_to(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker, pytest.raises(RuntimeError):
        broker.save()
    assert not (tmp_path / "mosquitto.db").exists()


def test_an_earlier_runs_sessions_are_forgotten(tmp_path: Path) -> None:
    with Broker(tmp_path, keep_sessions=True) as broker:
        broker.save()
    before = (tmp_path / "mosquitto.db").stat().st_mtime_ns
    with Broker(tmp_path, keep_sessions=True):
        database = tmp_path / "mosquitto.db"
        assert not database.exists() or database.stat().st_mtime_ns > before


# In a private network


def accepts_inside(network: PrivateNetwork, port: int) -> bool:
    script = f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)"
    command = network.command([sys.executable, "-c", script])
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_in_a_private_network_it_listens_there_and_on_a_socket_for_us(
    tmp_path: Path, network: PrivateNetwork
) -> None:
    with Broker(tmp_path, network=network) as broker:
        assert accepts_inside(network, broker.port)
        assert not network.separate or not accepts(broker.port)
        with Store() as store, Receiver(store, broker.host, broker.port) as receiver:
            assert receiver.connected
    assert not accepts_inside(network, broker.port)


def test_in_a_private_network_it_remembers_who_has_subscribed(
    tmp_path: Path, network: PrivateNetwork
) -> None:
    with (
        Broker(tmp_path, network=network, keep_sessions=True) as broker,
        Store() as store,
        Receiver(store, broker.host, broker.port) as receiver,
    ):
        broker.save()
        port = broker.port
        broker.kill()
        broker.start()
        assert broker.port == port
        assert accepts_inside(network, port)
        deadline = time.monotonic() + 5
        while not receiver.connected and time.monotonic() < deadline:
            time.sleep(0.02)
        assert receiver.connected


def test_a_path_too_long_for_a_socket_is_one_sentence(
    tmp_path: Path, network: PrivateNetwork
) -> None:
    with pytest.raises(BrokerError, match="too long a path for a unix socket; choose"):
        Broker(tmp_path / ("x" * 100), network=network).start()


# Child processes


def child(tmp_path: Path, script: str, *, stdin: bool = False) -> ChildProcess:
    return ChildProcess("helper", ["/bin/sh", "-c", script], tmp_path / "helper.log", stdin=stdin)


def test_a_child_is_in_a_process_group_of_its_own_but_in_our_session(tmp_path: Path) -> None:
    helper = child(tmp_path, "sleep 10")
    helper.start()
    assert helper.pid is not None
    assert os.getpgid(helper.pid) == helper.pid
    assert os.getsid(helper.pid) == os.getsid(0)
    helper.kill()


def test_a_child_that_ends_of_itself_has_died_and_its_last_words_are_told(tmp_path: Path) -> None:
    helper = child(tmp_path, "echo first; echo second >&2; exit 4")
    helper.start()
    assert helper.wait(5)
    assert helper.died
    assert helper.obituary().startswith(
        "the helper has ended with exit code 4; its last words: first | second (log: "
    )


def test_a_child_may_end_when_its_input_is_closed(tmp_path: Path) -> None:
    helper = child(tmp_path, "echo ready; cat; echo done", stdin=True)
    helper.start()
    assert helper.wait_for_line("^ready$", 1, 5)
    assert helper.running
    helper.close_stdin()
    assert helper.wait(5)
    assert not helper.died
    assert helper.exit_code == 0


def test_waiting_for_a_line_ends_with_the_child(tmp_path: Path) -> None:
    helper = child(tmp_path, "exit 1")
    helper.start()
    before = time.monotonic()
    assert not helper.wait_for_line("^ready$", 1, 60)
    assert time.monotonic() - before < 5


def test_a_restarted_child_is_not_ready_because_its_predecessor_was(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    helper = child(tmp_path, f"test -e {flag} || echo ready; sleep 10")
    helper.start()
    assert helper.wait_for_line("^ready$", 1, 5)
    helper.kill()
    flag.touch()
    helper.start()
    assert not helper.wait_for_line("^ready$", 1, 0.2)
    helper.kill()
    assert helper.log.read_text() == "ready\n"
