"""`python -m tests.bench.bus_peer PORT BAUD METERS`: PyPI `dlt645` reads meters one after another.

The client of another author, as it is meant to be used: one register a transaction. It is a
program of its own, so that it shares no interpreter with the simulator. It fails if a value is
missing.
"""

import logging
import sys

from dlt645.service.clientsvc.client_service import MeterClientService
from dlt645.transport.client.rtu_client import RtuClient

REGISTERS = (0x00010000, 0x00010100, 0x00010200, 0x00010300, 0x00010400)


def main(port: str, baud: int, meters: int) -> int:
    """Read all registers of meters 1 and upward; returns the exit code."""
    logging.disable(logging.CRITICAL)
    with RtuClient(port, baud) as client:
        service = MeterClientService(client)
        for number in range(1, meters + 1):
            service.set_address(bytes.fromhex(f"{number:012d}")[::-1].hex())  # as on the wire
            for register in REGISTERS:
                item = service.read_00(register)
                if getattr(item, "value", None) is None:
                    print(f"meter {number} does not give {register:08X}", file=sys.stderr)
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
