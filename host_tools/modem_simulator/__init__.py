"""A simulated LTE modem (Quectel EC2x/EG9x class) on a pseudo terminal.

Its AT command sockets are real TCP connections and UDP sockets of this process. The IP packets of
its data calls (PPP after ATD*99#) go to and from the kernel through a TUN device. So the program
under test talks to real servers, through a radio link whose delays and faults the test decides.
"""

from .conditions import AddressPolicy, Conditions, SimState
from .counters import Counters
from .packet_network import GATEWAY
from .simulator import ModemSimulator

__all__ = ["GATEWAY", "AddressPolicy", "Conditions", "Counters", "ModemSimulator", "SimState"]
