"""The virtual board's pulse inputs: counted in an interrupt, whatever Python is doing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.pulse_source import PulseSource

from .conftest import Workbench

BUSY = """
import time
def busy(ms):
    # Allocates, collects and has lwIP polled, as the application does.
    end = time.ticks_add(time.ticks_ms(), ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        [bytearray(50) for _ in range(50)]
"""


@pytest.fixture
def contacts(tmp_path: Path) -> Iterator[tuple[Workbench, PulseSource]]:
    with PulseSource(tmp_path / "pulses") as source:
        bench = Workbench(tmp_path)
        try:
            yield bench.start(), source
        finally:
            bench.close()


def test_pulses_are_counted_while_python_is_busy(contacts: tuple[Workbench, PulseSource]) -> None:
    bench, source = contacts
    bench.run(BUSY + "import board\na, b = board.pulse_inputs([(1, 20), (4, 100)])")
    for _ in range(100):
        source.pulse(1, 5)
        source.pulse(4, 1, closed_ms=100, open_ms=200)
        source.pulse(4, 1, closed_ms=95, open_ms=200)  # too short
        source.pulse(2, 1)  # nobody counts there
    bench.run("busy(2000)")
    assert bench.run("print(a.count(), b.count())") == "500 100\n"
    assert bench.run("import machine; print(machine.UART(4).overruns())") == "0\n"


@pytest.mark.parametrize("how", ["u.IRQ_RX", "u.IRQ_RXIDLE, hard=True", "3, hard=True"])
def test_only_the_interrupt_of_a_byte_is_hard(
    contacts: tuple[Workbench, PulseSource], how: str
) -> None:
    bench, _ = contacts
    said = bench.run(
        "import machine; u = machine.UART(4)\n"
        f"try:\n    u.irq(print, {how})\nexcept ValueError as error:\n    print(error)"
    )
    assert said.startswith(("IRQ_RX is hard", "trigger 0x0003 unsupported"))
