"""The codec: wrong values it accepts, time and instructions it takes, flash it needs."""

import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile
from mpremote.transport_serial import SerialTransport

from host_tools.pseudo_terminal import PseudoTerminal
from host_tools.stack import MICROPYTHON
from host_tools.virtual_board import IMAGE, VirtualBoard
from tests.bench import codec_history, codec_peer
from tests.bench.table import Row
from tests.codec_builds import CODEC_SOURCES, compile_c

HERE = Path(__file__).parent
OPTIMIZED = ["-O2", "-D_POSIX_C_SOURCE=200809L"]
SEED = 645
TRIALS = 2_000_000  # of each kind of damage: 10 million in all
PEER_TRIALS = 100_000
MILLION = 1_000_000

# Kind of damage: (its name, budget per million when odd numbers are read twice, the same when
# parity errors are seen too)
DAMAGE = {
    "1-3_flips": ("1-3 bit flips", 60, 1),
    "4-8_flips": ("4-8 bit flips", None, None),
    "burst": ("burst of 2-16 bits", 10, 10),
    "truncation": ("truncation", None, None),
    "splice": ("splice of two", 5, 5),
}
TWICE_BUDGET = 50  # second readings of a thousand good answers

# What others were measured at, on one set of 20 answers: a decoder that checks the sum only, PyPI
# dlt645, and one that compares all that is known beforehand and looks at every digit.
MARKS = {
    "1-3_flips": (8180, 1545, 705),
    "4-8_flips": (2505, 240, 60),
    "burst": (665, 225, 85),
    "truncation": (0, 0, 0),
    "splice": (92_760, 57_555, 5),
}

FASTEST_C_NS = 45  # receive and BCD, of the fastest C library that was measured
SPEED_COUNT = 300_000
SPEED_REPEATS = 20  # short ones, for the quietest moment of a busy machine
CALLGRIND_COUNTS = (1000, 3000)
COLLECTED = re.compile(r"^==\d+== Collected : (\d+)$", re.MULTILINE)

BINDING_BUDGET = 0.01  # of the time of plain MicroPython
HOST_COUNT = 5000
BOARD_COUNT = 200
INSTRUCTIONS_PER_US = 1000  # of the board's clock, with -icount shift=0

OBJECTS = IMAGE.parent / "dlt645"
KIB = 1024
TEXT_BUDGET = 6 * KIB


def measure() -> list[Row]:
    """Compile and run; about a minute."""
    return [
        *false_acceptance(),
        *c_speed(),
        *peer_speed(),
        *binding_speed(),
        *board_instructions(),
        *code_size(),
    ]


def false_acceptance() -> list[Row]:
    """Return how many damaged answers are accepted with a wrong value, per million of them.

    And what it costs to read odd numbers twice.
    """
    print(f"damaged answers: seed {SEED}, {TRIALS * len(DAMAGE):,} of them")
    print("peers: sum checks the frame alone; in brackets what was measured elsewhere")
    program = compile_c("false_acceptance", [HERE / "native" / "false_acceptance.c"], OPTIMIZED)
    judge = codec_history.Judge(SEED)
    with tempfile.TemporaryDirectory() as folder:
        values = Path(folder) / "values"
        values.write_text("".join(f"{moment}\n" for moment in judge.moments()))
        counted = run(program, values, SEED, TRIALS).splitlines()
        peer = peer_acceptance(run(program, values, SEED, PEER_TRIALS, "--show").splitlines())
        read_twice = believed(judge, run(program, values, SEED, TRIALS, "--wrong").splitlines())
    rows = []
    for line in counted:
        kind, *figures = line.split()
        trials, *wrong = map(int, figures)
        strict, with_parity, minimal = (count * MILLION / trials for count in wrong)
        name, budget, parity_budget = DAMAGE[kind]
        marks = "sum {:,.0f} [{:,}], PyPI {:,.0f} [{:,}], strict [{:,}]"
        others = marks.format(minimal, MARKS[kind][0], peer[kind], *MARKS[kind][1:])
        rows += [
            Row(f"wrong values: {name}", strict, "ppm", peer=others),
            Row("... odd numbers read twice", read_twice[kind, False], "ppm", budget=budget),
            Row("... parity errors seen", with_parity, "ppm"),
            Row("... both", read_twice[kind, True], "ppm", budget=parity_budget),
        ]
    return [*rows, *second_readings(judge)]


def second_readings(judge: codec_history.Judge) -> list[Row]:
    """Return how many of the good answers were read twice, of all and of every item."""
    of_thousand = "of 1000"
    all_items = judge.twice(codec_history.ANSWERS)
    return [
        Row("good answers read twice", all_items, of_thousand, budget=TWICE_BUDGET),
        *(
            Row(f"... {name}", judge.twice([identifier]), of_thousand)
            for identifier, name in codec_history.NAMES.items()
        ),
    ]


def peer_acceptance(lines: list[str]) -> dict[str, float]:
    """Return the same of PyPI `dlt645`, by kind, of the damaged answers in these lines."""
    reader = codec_peer.Reader()
    wrong: Counter[str] = Counter()
    for line in lines:
        kind, *parts = line.split(" ")
        wrong[kind] += reader.wrong(*map(bytes.fromhex, parts))
    return {kind: wrong[kind] * MILLION / PEER_TRIALS for kind in DAMAGE}


def believed(judge: codec_history.Judge, lines: list[str]) -> dict[tuple[str, bool], float]:
    """Return how many of the wrong numbers in these lines do not look odd, per million.

    By kind of damage, and whether parity errors are seen. What looks odd is read a second time
    (concentrator/plausibility.py), and right then. Four of five items are numbers.
    """
    wrong: Counter[tuple[str, bool]] = Counter()
    for answer in judge.believed([codec_history.Wrong.parse(line) for line in lines]):
        wrong[answer.kind, False] += 1
        wrong[answer.kind, True] += answer.passes_parity
    of_million = MILLION / (TRIALS * 4 / 5)
    return {(kind, seen): wrong[kind, seen] * of_million for kind in DAMAGE for seen in (0, 1)}


def c_speed() -> list[Row]:
    """Return nanoseconds and instructions of the C core on this machine."""
    program = compile_c("codec_speed", [HERE / "native" / "codec_speed.c"], OPTIMIZED)
    rows = []
    for what, budget, peer in (
        ("encode", None, ""),
        # What the fastest C library was measured at: whether it is our answer is not asked.
        ("receive", FASTEST_C_NS, f"fastest C library {FASTEST_C_NS} ns"),
        ("decode", None, ""),
    ):
        best = min(float(run(program, what, SPEED_COUNT)) for _ in range(SPEED_REPEATS))
        rows += [
            Row(f"C core: {what} the energy answer", best, "ns", peer=peer, budget=budget),
            Row("... instructions of this machine", instructions(program, what), ""),
        ]
    return rows


def instructions(program: Path, what: str) -> float:
    """Return the instructions of one encoding or decoding, counted by callgrind."""
    totals = []
    for count in CALLGRIND_COUNTS:
        said = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
            + [program, what, str(count)],
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        (total,) = COLLECTED.findall(said)
        totals.append(int(total))
    few, many = CALLGRIND_COUNTS
    return (totals[1] - totals[0]) / (many - few)


def peer_speed() -> list[Row]:
    """Return the time that PyPI `dlt645` takes in CPython for the same answer."""
    return [
        Row("PyPI dlt645 in CPython: encode", codec_peer.encode_us(), "us"),
        Row("PyPI dlt645 in CPython: decode", codec_peer.decode_us(), "us"),
    ]


def binding_speed() -> list[Row]:
    """Return what MicroPython on this machine takes with the C module, and without it."""
    program = device_program(HOST_COUNT)
    outputs = [
        run(MICROPYTHON, "-X", "heapsize=512k", "-c", program) for _ in range(SPEED_REPEATS)
    ]
    encode_us, decode_us, pure_encode_us, pure_decode_us, _ = device_figures(*outputs)
    share = (encode_us + decode_us) / (pure_encode_us + pure_decode_us)
    return [
        Row("MicroPython: encode", encode_us, "us", peer=f"without C {pure_encode_us:.1f} us"),
        Row("MicroPython: decode", decode_us, "us", peer=f"without C {pure_decode_us:.1f} us"),
        Row(
            "MicroPython: share with C of both",
            share,
            "",
            peer=f"C is {1 / share:.0f} x faster",
            budget=BINDING_BUDGET,
        ),
    ]


def board_instructions() -> list[Row]:
    """Return the instructions that a Cortex-M3 takes, from MicroPython."""
    output = run_counting(device_program(BOARD_COUNT))
    encode, decode, pure_encode, pure_decode, byte = (
        microseconds * INSTRUCTIONS_PER_US for microseconds in device_figures(output)
    )
    without = "without C {:,.0f}"
    return [
        Row("Cortex-M3 instructions: encode", encode, "", peer=without.format(pure_encode)),
        Row("Cortex-M3 instructions: decode", decode, "", peer=without.format(pure_decode)),
        Row("Cortex-M3 instructions: a byte", byte, ""),
    ]


def code_size() -> list[Row]:
    """Return the flash that the codec takes on a Cortex-M3: code, and its tables."""
    code = tables = binding = 0
    for path in OBJECTS.glob("*.o"):
        sections = section_sizes(path)
        if path.stem in {source.stem for source in CODEC_SOURCES}:
            code += sections[".text"]
            tables += sections[".rodata"]
        else:
            binding += sections[".text"] + sections[".rodata"]
    return [
        Row("Cortex-M3: code of the C core", code, "B", budget=TEXT_BUDGET),
        Row("Cortex-M3: its tables and texts", tables, "B"),
        Row("Cortex-M3: binding to MicroPython", binding, "B"),
    ]


def section_sizes(path: Path) -> Counter[str]:
    """Return the bytes of an object file's sections, by the first part of their names."""
    sizes: Counter[str] = Counter()
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            sizes["." + section.name.split(".")[1] if "." in section.name else ""] += (
                section.data_size
            )
    return sizes


def device_program(count: int) -> str:
    """Return the scripts for a board, to be run COUNT times."""
    texts = [
        (HERE / "device" / f"{name}.py").read_text() for name in ("pure_codec", "codec_speed")
    ]
    return "\n".join([f"COUNT = {count}", *texts])


def device_figures(*outputs: str) -> list[float]:
    """Return the least of the figures that those scripts print, the loop around them taken off.

    Microseconds of encoding and decoding in C, the same without C, and of one more byte in C.
    """
    figures = zip(*(map(float, output.split()) for output in outputs), strict=True)
    loop, *rounds, short, long, more_bytes = map(min, figures)
    return [*(each - loop for each in rounds), (long - short) / more_bytes]


class CountingBoard(VirtualBoard):
    """The virtual board with a clock that goes by instructions: one takes a nanosecond."""

    def _qemu(self, cut: int) -> list[str]:
        return [*super()._qemu(cut), "-icount", "shift=0,sleep=off"]


def run_counting(program: str) -> str:
    """Run a program on such a board; return what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder)
        board = CountingBoard(site, site / "console.log")
        ports = [PseudoTerminal(site / name) for name in ("bus1", "bus2", "modem")]
        try:
            board.start()
            console = SerialTransport(str(board.console), baudrate=115200)
            console.enter_raw_repl()
            return console.exec(program).decode()
        finally:
            board.kill()
            for port in ports:
                port.close()


def run(program: Path, *arguments: Any) -> str:
    """Run a program of this machine; return what it prints. RuntimeError if it fails."""
    command = [str(part) for part in (program, *arguments)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{program.name} failed: {result.stderr}")
    return result.stdout
