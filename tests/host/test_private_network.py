"""A network of our own: what is in it, how it ends, and what a person reads where it cannot be."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from host_tools import private_network as module
from host_tools import tun
from host_tools.private_network import PrivateNetwork, PrivateNetworkError

ROOT = Path(__file__).resolve().parents[2]
LIST_INTERFACES = "import socket; print(*[name for _, name in socket.if_nameindex()])"

needs_network = pytest.mark.usefixtures("private_network")


class FakeTun:
    def __init__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass


@needs_network
def test_a_program_inside_sees_nothing_of_the_machines_network() -> None:
    with PrivateNetwork() as network:
        if not network.separate:
            pytest.skip("this machine has no namespaces")
        command = network.command([sys.executable, "-c", LIST_INTERFACES])
        assert subprocess.check_output(command, text=True) == "lo\n"


@needs_network
def test_a_program_inside_keeps_its_process_id_and_folder(tmp_path: Path) -> None:
    with PrivateNetwork() as network:
        script = "import os; print(os.getpid(), os.getcwd())"
        command = network.command([sys.executable, "-c", script])
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        said, _ = process.communicate(timeout=10)
        assert said == f"{process.pid} {tmp_path}\n"


@needs_network
def test_it_ends_with_a_program_that_is_killed() -> None:
    script = (
        "import time; from host_tools.private_network import PrivateNetwork;"
        "network = PrivateNetwork().start();"
        "print(network._holder.pid if network.separate else 0, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        holder = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
    if not holder:
        pytest.skip("this machine has no namespaces")
    deadline = time.monotonic() + 5
    while Path(f"/proc/{holder}/ns/net").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    with pytest.raises(OSError, match=r"No such (file|process)"):
        os.readlink(f"/proc/{holder}/ns/net")


def test_root_without_namespaces_works_in_the_machines_own_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(module, "Tun", FakeTun)
    with PrivateNetwork() as network:
        assert not network.separate
        assert network.command(["prog", Path("/file")]) == ["prog", "/file"]


def test_where_it_is_impossible_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(tun, "DEVICE", str(tmp_path / "tun"))
    with pytest.raises(PrivateNetworkError) as caught:
        PrivateNetwork().start()
    assert "install util-linux" in str(caught.value)
    assert f"{tmp_path / 'tun'} is missing; load the kernel's module tun" in str(caught.value)


def test_nothing_runs_in_it_before_it_exists() -> None:
    with pytest.raises(RuntimeError):
        PrivateNetwork().command(["true"])
