"""What goes wrong on the board, or is done to it, ends well: no hang, nothing lost, and a word."""

import os
import time
from pathlib import Path

import pytest

from host_tools.virtual_flash import BLOCK_BYTES, FlashError, read_file, write_file

from .conftest import Workbench

DIALLING = """
import network
from machine import UART
link = network.PPP(UART(3, 115200, timeout=0, rxbuf=4096, txbuf=8192))
link.connect()
"""
COUNTING = """
import time
from machine import UART
u = UART(1, 9600, timeout=0)
for n in range(60):
    print("x" * 200)
    u.write(bytes([n]))
    time.sleep_ms(50)
"""


@pytest.fixture
def started(blank: Workbench) -> Workbench:
    """A board of its own at its prompt, since what is done to it may stay."""
    return blank.start()


def soft_reset(bench: Workbench) -> None:
    bench.leave()
    bench.type_at_the_prompt(b"\x02\r\x04")  # out of the raw prompt, then Ctrl-D
    bench.wait_for(r"^MPY: soft reboot")


@pytest.mark.parametrize("ending", ["", "link.disconnect()"])
def test_soft_reset_ends_a_ppp_link_that_negotiates_or_closes(
    started: Workbench, ending: str
) -> None:
    started.run(DIALLING + ending)
    soft_reset(started)
    # The old link's timers would fire within six seconds, into the new program's heap.
    started.run("x = [bytearray(100) for n in range(500)]")
    started.run("import time; time.sleep(8)")
    assert started.run("import machine; print(machine.reset_cause() == machine.SOFT_RESET)") == (
        "True\n"
    )
    # lwIP has one PPP link in all: this one would not come about if the old one were still there.
    assert started.run(DIALLING + "print(link.status())") == "3\n"


def test_console_that_nobody_reads_stops_nothing(started: Workbench) -> None:
    started.leave()
    console = os.open(started.board.console, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(console, b"\x01" + COUNTING.encode() + b"\x04")
        time.sleep(1.5)  # QEMU must see that the console is open
        assert started.receive("bus1", 60) == bytes(range(60))
    finally:
        os.close(console)


def test_transmitter_works_again_after_it_was_stopped_with_a_byte_under_way(
    started: Workbench,
) -> None:
    started.run("from machine import UART; u = UART(3, 115200, timeout=0, txbuf=8192)")
    started.run("import time\nwhile u.write(bytes(512)): time.sleep_ms(20)")  # nobody reads
    started.run("u.deinit()")
    while started.receive("modem", 4096, timeout_s=0.3):
        pass
    started.run("u = UART(3, 115200, timeout=0, txbuf=8192); u.write(b'again')")
    assert started.receive("modem", 5) == b"again"
    assert started.run("print(u.txdone())") == "True\n"


def test_stack_overflow_is_reported_and_resets_the_board(started: Workbench) -> None:
    # Below the vectors' first entry there is nothing: what runs with such a stack cannot push.
    code = "@micropython.asm_thumb\ndef f():\n    mov(r0, 0x20)\n    mov(r1, 24)\n"
    code += "    lsl(r0, r1)\n    mov(sp, r0)\n    push({r4, r5})\nf()"
    started.run_to_the_end(code)
    started.wait_for(r"^\*\*\* .*: the stack has overflowed")
    started.wait_for_prompts(2)
    assert started.run("import machine; print(machine.reset_cause() == machine.FAULT_RESET)") == (
        "True\n"
    )


def test_damaged_file_system_is_left_alone(blank: Workbench, tmp_path: Path) -> None:
    blank.start()
    blank.run("with open('/note', 'w') as file: file.write('x' * 2000)")
    blank.kill()
    flash = blank.board.flash
    content = bytearray(flash.read_bytes())
    content[: 2 * BLOCK_BYTES] = bytes(2 * BLOCK_BYTES)
    flash.write_bytes(content)
    blank.start()
    blank.wait_for(r"^the file system is damaged .* left as it is")
    blank.kill()
    with pytest.raises(FlashError, match="damaged"):
        write_file(flash, "note", b"new")
    assert flash.read_bytes() == content


def test_first_format_that_power_cut_short_is_done_again(blank: Workbench) -> None:
    blank.board.start(cut=2)
    assert blank.board.wait(10)
    blank.start()
    assert blank.run("import os; print(os.listdir('/'))") == "[]\n"


def test_file_written_by_the_host_is_read_by_the_board_and_the_other_way(
    blank: Workbench,
) -> None:
    blank.start()
    blank.run("with open('/from_board', 'w') as file: file.write('hello')")
    blank.kill()
    assert read_file(blank.board.flash, "from_board") == b"hello"
    write_file(blank.board.flash, "from_host", b"world")
    blank.start()
    assert blank.run("print(open('/from_host').read())") == "world\n"


@pytest.mark.parametrize(
    "call",
    [
        "virtual.Flash(2147483647, 1)",
        "virtual.Flash(1, 2147483647)",
        "virtual.Flash(0, 8).writeblocks(0, bytes(100))",
        "os.urandom(-1)",
        "machine.RTC().datetime((2026, 13, 1, 0, 0, 0, 0, 0))",
        "machine.RTC().datetime((2026, 2, 29, 0, 0, 0, 0, 0))",
        "machine.UART(3, txbuf=100000)",
        "machine.UART(0)",
        "machine.WDT(timeout=10000000)",
    ],
)
def test_argument_out_of_range_is_an_error(bench: Workbench, call: str) -> None:
    code = f"import machine, os, virtual\ntry:\n {call}\nexcept ValueError:\n print('refused')"
    assert bench.run(code) == "refused\n"
