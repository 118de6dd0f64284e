"""The virtual board's serial ports: machine.UART as the application, and lwIP, use it."""

import random
import time

from .conftest import Workbench

RING_BYTES = 512
MODEM_RING_BYTES = 4096


def test_bytes_of_every_value_pass_both_ways(bench: Workbench) -> None:
    every = bytes(range(256))
    bench.run("from machine import UART; u = UART(1, 2400, 8, 0, 1, timeout=0)")
    bench.send("bus1", every)
    bench.run("import time; time.sleep_ms(100)")
    assert bench.run("print(u.any())") == "256\n"
    assert bench.run("b = bytearray(300); print(u.readinto(b), bytes(b[:256]))") == (
        f"256 {every}\n"
    )
    assert bench.run("print(u.write(bytes(range(256))))") == "256\n"
    assert bench.receive("bus1", 256) == every


def test_nothing_is_waited_for(bench: Workbench) -> None:
    # What does not go out, because nobody takes it, is not waited for either.
    printed = bench.run(
        "from machine import UART\n"
        "import time\n"
        "u = UART(2, 2400, 8, 0, 1, timeout=0, txbuf=512)\n"
        "start = time.ticks_ms()\n"
        "print(u.any(), u.readinto(bytearray(10)), u.read(10))\n"
        "total = 0\n"
        "while (sent := u.write(b'x' * 512)) != None:\n"
        "    total += sent\n"
        "    if sent < 512: time.sleep_ms(20)\n"
        "print(total)\n"
        "start = time.ticks_us()\n"
        "print(u.write(b'y' * 512), u.write(b'y'))\n"
        "print(time.ticks_diff(time.ticks_us(), start) < 20000)\n"
    )
    lines = printed.splitlines()
    assert lines[0] == "0 None None"
    assert lines[2:] == ["None None", "True"]
    assert bench.receive("bus2", int(lines[1])) == b"x" * int(lines[1])


def test_overruns_are_counted_and_keep_what_came_first(bench: Workbench) -> None:
    bench.run("from machine import UART; u = UART(1, 9600, timeout=0); before = u.overruns()")
    data = random.Random(1).randbytes(700)
    bench.send("bus1", data)
    bench.run("import time; time.sleep_ms(300)")
    lost = len(data) - RING_BYTES
    assert bench.run("print(u.any(), u.overruns() - before)") == f"{RING_BYTES} {lost}\n"
    assert bench.run("print(u.read(500), u.damaged())") == f"{data[:500]} False\n"
    bench.send("bus1", b"behind the gap")  # would look as if it followed what is in the ring
    bench.run("time.sleep_ms(100)")
    assert bench.run("print(u.read(), u.damaged())") == f"{data[500:RING_BYTES]} True\n"
    bench.send("bus1", b"again")
    assert bench.run("time.sleep_ms(100); print(u.read(), u.damaged())") == "b'again' False\n"


def test_a_long_transfer_loses_nothing(bench: Workbench) -> None:
    data = random.Random(2).randbytes(20_000)
    bench.run_to_the_end(
        "from machine import UART\n"
        "u = UART(3, 115200, timeout=0, rxbuf=4096, txbuf=8192)\n"
        "b = bytearray(1024)\n"
        "left = 20000\n"
        "while left:\n"
        "    n = u.readinto(b) or 0\n"
        "    left -= n\n"
        "    at = 0\n"
        "    while at < n: at += u.write(memoryview(b)[at:n]) or 0\n"
    )
    echoed = b""
    for at in range(0, len(data), 2000):
        bench.send("modem", data[at : at + 2000])
        echoed += bench.receive("modem", 2000)
    assert echoed == data


# Waiting


def test_flush_returns_when_everything_has_gone_out(bench: Workbench) -> None:
    printed = bench.run(
        "from machine import UART\n"
        "u = UART(3, 115200, timeout=0, txbuf=8192)\n"
        "print(u.write(b'x' * 3000), u.flush(), u.txdone())"
    )
    assert printed == "3000 None True\n"
    assert bench.receive("modem", 3000) == b"x" * 3000


def test_a_timeout_is_waited_for_and_not_longer(bench: Workbench) -> None:
    bench.run("from machine import UART; import time; u = UART(1, 9600, timeout=200)")
    waiting = (
        "start = time.ticks_ms(); got = u.read(5); ms = time.ticks_diff(time.ticks_ms(), start)"
    )
    got, ms = bench.run(waiting + "; print(got, ms)").split()
    assert got == "None"
    assert 200 <= int(ms) < 1000
    bench.send("bus1", b"early")
    assert bench.run("time.sleep_ms(100); " + waiting + "; print(got, ms < 200)") == (
        "b'early' True\n"
    )


# IRQ_RXIDLE


LISTENING = """
from machine import UART
import time
def listen(number, handler, **sizes):
    u = UART(number, 115200, timeout=0, **sizes)
    u.irq(handler, u.IRQ_RXIDLE)
    return u
"""


def test_the_handler_is_called_once_when_bytes_have_come_and_pause(bench: Workbench) -> None:
    bench.run(LISTENING + "calls = []; u = listen(1, lambda u: calls.append(u.any()))")
    for data, expected in ((b"one", "[3]"), (b"another", "[3, 10]")):  # nobody reads meanwhile
        bench.send("bus1", data)
        time.sleep(0.1)
        assert bench.run("print(calls)") == f"{expected}\n"
    bench.run("u.irq(None); u.read()")


def test_the_handler_is_called_although_bytes_never_pause(bench: Workbench) -> None:
    # Several rings full at a stretch: who is told only of a pause finds but one of them.
    data = random.Random(4).randbytes(8 * MODEM_RING_BYTES)
    bench.run(
        LISTENING + "got = []\n"
        f"data = bytearray({MODEM_RING_BYTES})\n"
        "def take(u):\n"
        "    n = u.readinto(data) or 0\n"
        "    got.append((n, sum(memoryview(data)[:n])))\n"
        "u = listen(3, take, rxbuf=4096)\n"
        "before = u.overruns()\n"
    )
    bench.leave()
    bench.send_at_a_stretch("modem", data)
    bench.run(
        "import time\n"
        "seen = -1\n"
        "while len(got) > seen:\n"
        "    seen = len(got)\n"
        "    time.sleep_ms(200)\n"
        "u.irq(None)\n"
    )
    assert bench.run("print(u.overruns() - before)") == "0\n"
    totals = bench.run("print(sum(n for n, _ in got), sum(s for _, s in got))")
    assert totals == f"{len(data)} {sum(data)}\n"
    assert int(bench.run("print(max(n for n, _ in got))")) > MODEM_RING_BYTES // 2


def test_only_the_handler_that_was_set_last_is_called(bench: Workbench) -> None:
    bench.run(LISTENING + "calls = ''\ndef add(name):\n    global calls\n    calls += name\n")
    bench.run("u = listen(2, lambda u: add('a'))")
    for handler, expected in (("", "a"), ("lambda u: add('b')", "ab"), ("None", "ab")):
        if handler:
            bench.run(f"u.irq({handler}, u.IRQ_RXIDLE)")
        bench.send("bus2", b"?")
        time.sleep(0.1)
        assert bench.run("print(calls)") == f"{expected}\n"
    bench.run("u.read()")


def test_a_soft_reset_forgets_the_handler(bench: Workbench) -> None:
    bench.run(LISTENING + "u = listen(1, lambda u: u.read())")
    bench.soft_reset()
    # The handler of the program before would be in the middle of this one's heap.
    bench.run("x = [bytearray(100) for n in range(500)]")
    bench.run("from machine import UART; u = UART(1, 115200, timeout=0)")
    bench.send("bus1", b"for this program")
    time.sleep(0.1)
    assert bench.run("print(u.read())") == "b'for this program'\n"
    bench.run(LISTENING + "calls = []; u = listen(1, lambda u: calls.append(u.read()))")
    bench.send("bus1", b"again")
    time.sleep(0.1)
    assert bench.run("print(calls)") == "[b'again']\n"
    bench.run("u.irq(None)")
