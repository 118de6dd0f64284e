"""How a DL/T 645-2007 meter answers reads: 11H and, for what is long, 12H (annex D)."""

from host_tools.meter_simulator.answer import Answer, refused, said
from host_tools.meter_simulator.follow_ups import FollowUps
from host_tools.meter_simulator.formats import Value, join, values
from host_tools.meter_simulator.frame import BODY_MAX
from host_tools.meter_simulator.identifiers_2007 import LOAD, REPORT_WORD, Identifiers2007
from host_tools.meter_simulator.load_records_2007 import LoadRecords2007
from host_tools.meter_simulator.memory import ERROR_OTHER
from host_tools.meter_simulator.works import Works

READ, FOLLOW_UP = 0x11, 0x12
ERROR_NO_SUCH_DATA = 0x02
IDENTIFIER_SIZE = 4


class Reads2007:
    """Answers the reads of one meter."""

    def __init__(self, works: Works) -> None:
        """Read from the works of a meter."""
        self._works = works
        self._identifiers = Identifiers2007(works)
        self._load = LoadRecords2007(works)
        self._follow_ups = FollowUps()
        self._complete = b""  # identifier of a complete answer that pretended not to be

    def read(self, data: bytes, time_s: float) -> Answer:
        """Answer an identifier and, for load records, what is behind it."""
        if len(data) < IDENTIFIER_SIZE:
            return refused(self._works.address, READ, ERROR_OTHER)
        identifier = int.from_bytes(data[:IDENTIFIER_SIZE], "little")
        arguments = data[IDENTIFIER_SIZE:]
        if identifier >> 24 == LOAD and self._works.memory.fixed(identifier) is None:
            record = self._load.read(identifier, arguments, time_s)
            fields = None if record is None else [record]
        else:
            fields = None if arguments else self._identifiers.read(identifier, time_s)
        if fields is None:
            return refused(self._works.address, READ, ERROR_NO_SUCH_DATA)
        return self._tell(data[:IDENTIFIER_SIZE], join(fields), values(fields))

    def follow_up(self, data: bytes, time_s: float) -> Answer:
        """Answer an identifier and a sequence number."""
        identifier, number = data[:IDENTIFIER_SIZE], data[IDENTIFIER_SIZE:]
        if len(number) == 1 and identifier == self._complete and number == b"\x01":
            word = self._identifiers.read(REPORT_WORD, time_s) or []
            name = REPORT_WORD.to_bytes(IDENTIFIER_SIZE, "little")
            return said(self._works.address, FOLLOW_UP, name + join(word) + number)
        part = self._follow_ups.numbered(identifier, number[0]) if len(number) == 1 else None
        if part is None:
            return refused(self._works.address, FOLLOW_UP, ERROR_NO_SUCH_DATA)
        return said(self._works.address, FOLLOW_UP, identifier + part[0] + number, more=part[1])

    def _tell(self, identifier: bytes, data: bytes, told: tuple[Value, ...]) -> Answer:
        """Answer with a value, or the first part of it if it is long."""
        limit = self._works.faults.split_at
        longest = BODY_MAX - IDENTIFIER_SIZE  # in follow-up frames there is a number as well
        part, more = self._follow_ups.begin(
            identifier, data, limit or longest, limit or longest - 1
        )
        pending = self._works.faults.event_pending and not more
        self._complete = identifier if pending else b""
        return said(
            self._works.address,
            READ,
            identifier + part,
            more=more or pending,
            di=identifier[::-1].hex().upper(),
            told=told,
        )
