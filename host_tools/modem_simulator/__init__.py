"""A simulated LTE modem (Quectel EC2x/EG9x class) on a pseudo terminal.

Its AT command sockets are real TCP connections of this process, so the program under test talks
to real servers, through a radio link whose delays and faults the test decides.
"""

from .conditions import Conditions, SimState
from .counters import Counters
from .simulator import ModemSimulator

__all__ = ["Conditions", "Counters", "ModemSimulator", "SimState"]
