"""Simulated DL/T 645 meters of both editions on pseudo-terminal buses, timed like a real wire."""

from host_tools.meter_simulator.answer import Answer
from host_tools.meter_simulator.bus import BusError, SimulatedBus
from host_tools.meter_simulator.counters import Counters
from host_tools.meter_simulator.fault_words import set_fault
from host_tools.meter_simulator.faults import Faults
from host_tools.meter_simulator.frame import Frame, FrameScanner, encode
from host_tools.meter_simulator.line import Passage
from host_tools.meter_simulator.meter import Meter
from host_tools.meter_simulator.models import MODELS
from host_tools.meter_simulator.truth import TruthLog

__all__ = [
    "MODELS",
    "Answer",
    "BusError",
    "Counters",
    "Faults",
    "Frame",
    "FrameScanner",
    "Meter",
    "Passage",
    "SimulatedBus",
    "TruthLog",
    "encode",
    "set_fault",
]
