"""A line with meters of both editions, as a bus sees it; its time is simulated."""

import asyncio
import random

import dlt645
from concentrator import bus as buses
from concentrator.bus import Bus
from concentrator.protocols import dlt645_probe
from fakes import Port, Settings

ENERGY = b"\x00\x00\x01\x00"
MODEL = b"\x0b\x04\x00\x04"
BITS = 11
WAKE_UP = b"\xfe\xfe"


class Time:
    """In place of asyncio and time for the bus: it takes no time to wait."""

    def __init__(self):
        self.ms = 0
        self.sleep = None

    def sleep_ms(self, ms):
        self.ms += ms
        self.sleep = asyncio.sleep_ms(0)
        return self

    def __next__(self):
        return next(self.sleep)

    def ticks_ms(self):
        return int(self.ms)


class Meter:
    """2007 or 1997; what it does otherwise than others is set by the test."""

    def __init__(self, address, edition=2007, baud=2400):
        self.address = address
        self.edition = edition
        self.baud = baud
        self.delay_ms = 40
        self.deaf_to = ()  # (address, control)
        self.hears_short = True  # addresses with A above
        self.hears_broadcast = False
        self.filled = address  # the address as it answers
        self.echoes_wildcard = False

    def answer(self, address, control, data):
        if (address, control) in self.deaf_to:
            return None
        whole = address in (self.address, self.filled, "A" * 12)
        whole = whole or (self.hears_broadcast and address == "9" * 12)
        if not whole and not (self.hears_short and self.fits(address)):
            return None
        said = self.say(control, data)
        if said is None:
            return None
        return WAKE_UP + dlt645.frame(address if self.echoes_wildcard else self.filled, *said)

    def fits(self, address):
        return "A" in address and self.address.endswith(address.lstrip("A"))

    def say(self, control, data):
        if self.edition == 1997:
            return (0x81, data + b"\x78\x56\x34\x12") if control == 0x01 else None
        if control == 0x13:
            return 0x93, bytes([int(self.address[i : i + 2], 16) for i in range(10, -1, -2)])
        if control != 0x11:
            return None
        if data == ENERGY:
            return 0x91, data + b"\x78\x56\x34\x12"
        if data == MODEL:
            return 0x91, data + b"\0\0\0\0\0008-TDD"
        return 0xD1, b"\x02"


class Line:
    """A bus with meters on it. What they say at the same time nobody understands."""

    def __init__(self, meters, baud=2400, timeout_ms=700):
        self.meters = meters
        self.time = buses.asyncio = Time()
        buses.ticks_ms = dlt645_probe.ticks_ms = self.time.ticks_ms
        self.questions = 0
        self.asked = set()  # (address, control) of those to one meter
        self.functions = set()
        self.opened = []
        self.coming = []  # (ms, byte or None for a damaged one)
        self.damages = False  # whether colliding answers are damaged in every character
        self.echo = False
        self.baud = baud
        settings = Settings(baud=baud, timeout_ms=timeout_ms, retries=1, preamble=2, pause_ms=0)
        self.bus = Bus(1, LinePort(self, baud), settings, self.open)

    def open(self, number, baud):
        self.opened.append(baud)
        self.baud = baud
        return LinePort(self, baud)

    def hear(self, baud, wire):
        address, control, data = dlt645.parse(wire)
        self.questions += 1
        self.functions.add(control)
        if "A" not in address:
            self.asked.add((address, control))
        character_ms = BITS * 1000 / baud
        sent_ms = self.time.ms + len(wire) * character_ms
        heard = {}  # place in characters: bytes
        speakers = 0
        if self.echo:
            self.coming += [(self.time.ms + i * character_ms, wire[i]) for i in range(len(wire))]
        for meter in self.meters:
            frame = meter.answer(address, control, data) if meter.baud == baud else None
            speakers += frame is not None
            for i, byte in enumerate(frame or b""):
                heard.setdefault(round(meter.delay_ms / character_ms) + i, set()).add(byte)
        for place in sorted(heard):
            byte = heard[place].pop()
            if heard[place]:
                byte = random.getrandbits(8)
            if speakers > 1 and self.damages:
                byte = None
            self.coming.append((sent_ms + place * character_ms, byte))


class LinePort(Port):
    """The line, opened at a speed; it is of use until it is opened anew."""

    def __init__(self, line, baud):
        super().__init__(None)
        self.line = line
        self.baud = baud

    def write(self, buffer, count):
        assert self.baud == self.line.baud
        self.line.hear(self.baud, bytes(memoryview(buffer)[:count]))
        return count

    def here(self):
        coming = self.line.coming
        return coming and coming[0][0] <= self.line.time.ms

    def readinto(self, buffer):
        count = 0
        while self.here() and self.line.coming[0][1] is not None and count < len(buffer):
            buffer[count] = self.line.coming.pop(0)[1]
            count += 1
        return count

    def damaged(self):
        if self.here() and self.line.coming[0][1] is None:
            self.line.coming.pop(0)
            return True
        return False
