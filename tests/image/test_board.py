"""The virtual board has the hardware it says it has: MicroPython's machine module on it works."""

import os
import random
import time

import pytest

from host_tools.virtual_flash import BLOCK_BYTES, FILE_SYSTEM_BLOCKS

from .conftest import PROMPT, Workbench

HEAP_BYTES = 128 * 1024
TIME_OF_BOARD = "time.time_ns() // 1000000 + 946684800000"  # ms since 1970; its epoch is 2000
JOURNAL_BLOCKS = 896
BLOCK = 7  # of the journal's flash: any one


def test_heap_is_128_kib(bench: Workbench) -> None:
    total = int(bench.run("import gc; print(gc.mem_free() + gc.mem_alloc())"))
    assert HEAP_BYTES * 0.96 < total <= HEAP_BYTES


# Resets


FED_AND_THEN_NOT = """
import machine, time
w = machine.WDT(timeout=300)
for _ in range(45):
    time.sleep_ms(20)
    w.feed()
print("fed for three times as long")
while True:
    pass
"""


def test_a_watchdog_that_is_not_fed_any_more_resets_and_says_so(bench: Workbench) -> None:
    bench.run_to_the_end(FED_AND_THEN_NOT)
    bench.wait_for_next(
        r"fed for three times as long\s+\*\*\* watchdog at [0-9A-F]{8}, called from [0-9A-F]{8}"
    )
    bench.wait_for_next(PROMPT)
    cause = "import machine; print(machine.reset_cause() == machine.WDT_RESET)"
    assert bench.run(cause) == "True\n"


def test_a_fault_prints_the_registers_and_resets(bench: Workbench) -> None:
    bench.run_to_the_end("import machine; machine.mem32[0xE0100000]")
    bench.wait_for_next(r"^\*\*\* (bus|hard) fault at [0-9A-F]{8}")
    bench.wait_for_next(r"^r0  [0-9A-F]{8}  r1  [0-9A-F]{8}")
    bench.wait_for_next(r"^sp  [0-9A-F]{8}  xpsr ")
    bench.wait_for_next(PROMPT)
    cause = "import machine; print(machine.reset_cause() == machine.FAULT_RESET)"
    assert bench.run(cause) == "True\n"


# Flash


def journal_block(bench: Workbench, block: int = BLOCK) -> bytes:
    """A block of the journal's flash, as the host has it on file."""
    at = (FILE_SYSTEM_BLOCKS + block) * BLOCK_BYTES
    return bench.board.flash.read_bytes()[at : at + BLOCK_BYTES]


OPEN = (
    "import board\n"
    "f = board.journal_flash()\n"
    f"b, size = {BLOCK}, {BLOCK_BYTES}\n"
    "def read(n, at=0, block=b):\n"
    "    data = bytearray(n)\n"
    "    f.readblocks(block, data, at)\n"
    "    return bytes(data)\n"
)


def test_flash_has_its_blocks(bench: Workbench) -> None:
    assert bench.run(OPEN + "print(f.ioctl(4, 0), f.ioctl(5, 0))") == (
        f"{JOURNAL_BLOCKS} {BLOCK_BYTES}\n"
    )
    for wrong in ("896, bytearray(1), 0", "0, bytearray(2), 4095", "-1, bytearray(1), 0"):
        assert bench.run(
            f"try:\n    f.readblocks({wrong})\nexcept ValueError as error:\n    print(error)"
        ) == ("outside of the flash\n")


def test_programming_only_clears_bits_and_erasing_sets_a_whole_block(bench: Workbench) -> None:
    bench.run(OPEN)
    bench.run("for i in (b - 1, b, b + 1): f.ioctl(6, i); f.writeblocks(i, b'\\x55' * size, 0)")
    bench.run("f.writeblocks(b, b'\\x0f\\xff\\x00', 100)")
    assert bench.run("print(read(5, 99))") == f"{bytes([0x55, 0x05, 0x55, 0x00, 0x55])}\n"
    bench.run("f.ioctl(6, b)")
    assert bench.run("print(read(size) == b'\\xff' * size)") == "True\n"
    for other in ("b - 1", "b + 1"):
        assert bench.run(f"print(read(size, 0, {other}) == b'\\x55' * size)") == "True\n"


def test_flash_is_on_file_at_once(blank: Workbench) -> None:
    data = random.Random(3).randbytes(BLOCK_BYTES)
    blank.start().run(OPEN + f"f.writeblocks(b, {data}, 0)")
    blank.board.kill()
    assert journal_block(blank) == data
    blank.kill()
    assert blank.start().run(OPEN + "print(read(size))") == f"{data}\n"


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_power_that_fails_in_a_program_tears_it(blank: Workbench, cut: int) -> None:
    blank.start().kill()  # which makes the file system: not of interest here
    blank.start(cut=cut)
    data = random.Random(cut).randbytes(64)
    blank.run(OPEN)
    for place in range(cut - 1):
        blank.run(f"f.writeblocks(b, {data}, {place * 64})")
    blank.run_to_the_end(f"f.writeblocks(b, {data}, {(cut - 1) * 64})")
    assert blank.board.wait(10)
    assert blank.board.exit_code == 0
    written = journal_block(blank)
    whole = (cut - 1) * 64
    assert written[:whole] == data * (cut - 1)
    torn = written[whole : whole + 64]
    assert torn != data
    # Up to some byte it is there; in that one only some bits; nothing behind it.
    done = len(os.path.commonprefix([torn, data]))
    assert torn[done] & data[done] == data[done]
    assert set(torn[done + 1 :]) <= {0xFF}
    assert set(written[whole + 64 :]) == {0xFF}


def test_power_that_fails_in_an_erase_leaves_nonsense(blank: Workbench) -> None:
    blank.start().run(OPEN + "f.writeblocks(b, bytes(size), 0)")
    blank.kill()
    blank.start(cut=1).run(OPEN)
    blank.run_to_the_end("f.ioctl(6, b)")
    assert blank.board.wait(10)
    written = journal_block(blank)
    assert set(written) != {0x00}
    assert set(written) != {0xFF}


# Clock, randomness, and the machine that runs it all


def test_clock_is_the_hosts(bench: Workbench) -> None:
    bench.run("import time")
    time.sleep(1)  # at power on there are only the host's whole seconds, until the next begins
    before = time.time()
    board = int(bench.run(f"print({TIME_OF_BOARD})")) / 1000
    after = time.time()
    assert before - 0.2 <= board <= after + 0.2
    year, month, day, _, hour, minute, *_ = eval(
        bench.run("import machine; print(machine.RTC().datetime())")
    )
    shown = f"{year}-{month:02d}-{day:02d} {hour:02d}:{minute:02d}"
    assert shown in {time.strftime("%Y-%m-%d %H:%M", time.gmtime(t)) for t in (after, time.time())}


def test_random_bytes_differ(bench: Workbench) -> None:
    draws = bench.run("import os\nfor _ in range(4): print(os.urandom(16).hex())").split()
    assert [len(draw) for draw in draws] == [32] * 4
    assert len(set(draws)) == 4


def cpu_seconds(process: int) -> float:
    with open(f"/proc/{process}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_an_idle_board_costs_little_even_without_its_cables(blank: Workbench) -> None:
    blank.start()
    process = blank.board.pid
    assert process is not None
    for change in (lambda: None, blank.unplug):
        change()
        time.sleep(0.2)
        before = cpu_seconds(process)
        time.sleep(2)
        assert cpu_seconds(process) - before < 0.8
