"""The image on the virtual board: size, heap, allocations, how soon it works."""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mpremote.transport_serial import SerialTransport

from host_tools.pseudo_terminal import PseudoTerminal
from host_tools.site import Site
from host_tools.stack import Stack, StackOptions, best_transport
from host_tools.virtual_board import IMAGE, VirtualBoard
from tests.bench.table import Row
from tests.bench.tls_peer import HOST_NAME, TlsPeer, make_certificate

METERS = 64
PERIOD_S = 60  # by the board's clock, which runs faster
LAPSE = 20
EARLY_SLOTS = 10
LATE_SLOTS = 60
TRANSACTIONS = 20
DEVICE = Path(__file__).parent / "device"

# What takes RAM: a part of the name of the object files.
RAM_PARTS = {
    "Python heap": "/main.o",
    "lwIP": "/lib/lwip/",
    "UART rings": "/uart.o",
}
BSS_SECTION = re.compile(r"^ \.bss\S*\s+0x[0-9a-f]+\s+(0x[0-9a-f]+) (\S+)$", re.MULTILINE)

KIB = 1024
HEAP_BUDGET = 64 * KIB
DRIFT_BUDGET = 1 * KIB
TLS_BUDGET = 32 * KIB  # what TLS may add to the heap in use
FIRST_POLL_BUDGET_S = 2
ONLINE_BUDGET_S = 30


def measure() -> list[Row]:
    """Build nothing, run the image for about three minutes, and return the rows."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        return [
            *sizes(),
            *steady_state(place / "stack"),
            *bus_allocation(place / "bus"),
            tls_heap(place / "tls"),
        ]


def sizes() -> list[Row]:
    """Return what the image takes of flash and of RAM, and which parts take the RAM."""
    command = ["arm-none-eabi-size", str(IMAGE)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    text, data, bss = (int(figure) for figure in output.splitlines()[1].split()[:3])
    parts = dict.fromkeys(RAM_PARTS, 0)
    for size, source in BSS_SECTION.findall(IMAGE.with_suffix(".map").read_text()):
        for part, place in RAM_PARTS.items():
            if place in source:
                parts[part] += int(size, 16)
    return [
        Row("flash: text", text, "B"),
        Row("flash and RAM: data", data, "B"),
        Row("RAM: bss", bss, "B"),
        *(Row(f"RAM: of it {part}", size, "B") for part, size in parts.items()),
    ]


def steady_state(folder: Path) -> list[Row]:
    """Return heap and start-up of the whole chain, over PPP where that can be."""
    transport = best_transport("virtual", say_no_ppp)
    way = transport.upper()
    options = StackOptions(
        board="virtual",
        transport=transport,
        meters=METERS,
        baud=115200,
        period=PERIOD_S,
        answer_delay="5",
        truth=True,
        linger=1,
        heartbeat=1,
        lapse=LAPSE,
    )
    with Stack(folder, options) as stack:
        early = stack.heap_in_use(EARLY_SLOTS)
        late = stack.heap_in_use(LATE_SLOTS)
        wait_into_slot(stack.truth_file)  # it goes on with that one
        stack.kill_concentrator()
        births = stack.store.births(stack.device)
        stack.start_concentrator()
        begun = time.time()
        stack.wait_online(ONLINE_BUDGET_S * 2, births + 1)
        online_s = time.time() - begun
        polled = [json.loads(line)["time"] for line in stack.truth_file.open(encoding="utf-8")]
        first_poll_s = min(moment for moment in polled if moment > begun) - begun
    return [
        Row(f"heap in use, {METERS} meters, {way}, no TLS", late, "B", budget=HEAP_BUDGET),
        Row(
            f"heap in use, slot {LATE_SLOTS} less slot {EARLY_SLOTS}",
            abs(late - early),
            "B",
            budget=DRIFT_BUDGET,
        ),
        Row("power on to first answer of a meter", first_poll_s, "s", budget=FIRST_POLL_BUDGET_S),
        Row(f"power on to online, {way}", online_s, "s", budget=ONLINE_BUDGET_S),
    ]


def wait_into_slot(truth: Path) -> None:
    """Return when the first meters of a slot have been read."""
    time.sleep(PERIOD_S / LAPSE / 3)  # the slot under way may have come to its end
    size = truth.stat().st_size
    while truth.stat().st_size == size:
        time.sleep(0.01)
    time.sleep(0.2)


def say_no_ppp(obstacle: str) -> None:
    """Say why the figures are those of another transport."""
    print(f"no PPP, so the figures are those of the modem's own TCP: {obstacle}", file=sys.stderr)


def bus_allocation(folder: Path) -> list[Row]:
    """Return the bytes of heap that one bus transaction asks for, freed at once or not.

    The budget is for the firmware; asyncio's loop asks for its own each time that the bus sleeps.
    """
    options = StackOptions(board="virtual", meters=2, baud=9600, answer_delay="20")
    with Stack(folder, options) as stack:
        values = {"ADDRESS": Site(meters=2).spread_meters()[0].address, "COUNT": TRANSACTIONS}
        alone, whole = (
            run_on(stack.concentrator, "bus_allocation", ALONE=alone, **values) / TRANSACTIONS
            for alone in (True, False)
        )
    return [
        Row("heap allocated per bus transaction", alone, "B", budget=0),
        Row("the same, and asyncio's loop meanwhile", whole, "B"),
    ]


def tls_heap(folder: Path) -> Row:
    """Return the bytes of heap that an open TLS connection holds."""
    folder.mkdir()
    certificate = make_certificate(folder)
    board = VirtualBoard(folder, folder / "console.log")
    with (
        TlsPeer(folder / "modem", folder),
        PseudoTerminal(folder / "bus1"),
        PseudoTerminal(folder / "bus2"),
    ):
        board.start()
        try:
            held = run_on(board, "tls_heap", CERTIFICATE=certificate, HOST_NAME=HOST_NAME)
        finally:
            board.kill()
    return Row("heap held by a TLS connection", held, "B", budget=TLS_BUDGET)


def run_on(board: VirtualBoard, script: str, **values: object) -> int:
    """Run one of the scripts in device/ on the board, with values; return what it prints."""
    text = (DEVICE / f"{script}.py").read_text(encoding="utf-8")
    given = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    console = SerialTransport(str(board.console), baudrate=115200)
    try:
        console.enter_raw_repl()
        return int(console.exec(given + text))
    finally:
        console.close()
