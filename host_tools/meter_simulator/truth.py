"""The file that says what meters really held when they answered."""

import json
import threading
from pathlib import Path

from host_tools.meter_simulator.answer import Answer


class TruthLog:
    """A file of JSON lines; several buses share it.

    One line per answer that carries values, complete before the first byte of the answer is
    sent: `time` (Unix seconds, the instant the values are of), `bus`, `address`, `di`, `values`
    (scaled integers; times as the decimal numbers that their digits make, such as YYMMDDWW and
    hhmmss; text; null for what is not available or has parts of its own). An answer that is
    damaged on the wire has its line as well. An existing file is continued.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; OSError if that is impossible."""
        self._lock = threading.Lock()
        self._file = open(path, "a", buffering=1, encoding="ascii")  # noqa: SIM115

    def write(self, time_s: float, bus: int, answer: Answer) -> None:
        """Add the line of one answer."""
        line = {
            "time": time_s,
            "bus": bus,
            "address": answer.frame.address.replace("A", "0"),  # for padded addresses
            "di": answer.di,
            "values": answer.values,
        }
        with self._lock:
            self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()
