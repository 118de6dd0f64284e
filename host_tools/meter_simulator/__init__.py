"""Simulated DL/T 645-2007 meters on pseudo-terminal buses, with the timing of a real wire."""

from host_tools.meter_simulator.bus import BusError, Counters, SimulatedBus, TruthLog
from host_tools.meter_simulator.frame import Frame, FrameScanner, encode
from host_tools.meter_simulator.meter import Answer, Faults, Meter, Registers

__all__ = [
    "Answer",
    "BusError",
    "Counters",
    "Faults",
    "Frame",
    "FrameScanner",
    "Meter",
    "Registers",
    "SimulatedBus",
    "TruthLog",
    "encode",
]
