"""An RS485 line in virtual time, as docs/board.md wants a serial port, with faults on it.

Nothing runs by itself here: what is on the wire is worked out when the firmware looks.
"""

from time import ticks_diff, ticks_us, time_ns

_BITS = 11  # a character: start, 8 data, even parity, stop
_MILLION = 1000000
_ROOM = 228  # bytes that a board keeps while nobody reads
_LATE_US = 900000  # beyond the bus's time-out
_NEVER = -1


class Random:
    """Random numbers that nobody else's draws change: Marsaglia's xorshift, 32 bits."""

    def __init__(self, seed):
        self._state = seed * 2654435761 % 0xFFFFFFFF + 1

    def below(self, limit):
        """A number from 0 to `limit` - 1."""
        x = self._state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._state = x
        return x % limit

    def chance(self, per_million):
        """True so often."""
        return self.below(_MILLION) < per_million


class _Burst:
    """Bytes one after the other on the wire; the one at `damaged` has a wrong parity bit."""

    def __init__(self, begin_us, data, damaged=_NEVER):
        self.begin_us = begin_us
        self.data = data
        self.damaged = damaged
        self.taken = 0


class Line:
    """`faults`: see scenario.Faults; `babble`: [from, to] in ms since 1970 UTC."""

    def __init__(self, meters, baud, faults, babble, seed):
        self._meters = meters
        self._byte_us = _BITS * _MILLION // baud
        self._faults = faults
        self._babble = babble
        self._random = Random(seed)
        self._bursts = []  # those that come, earliest first
        self._heard = ticks_us()  # babble, up to here

    def write(self, buffer, count):
        """Send; meters that understand it will answer."""
        request = bytes(memoryview(buffer)[:count])
        now = ticks_us()
        sent = now + count * self._byte_us
        # Who sends hears nobody else, and nobody understands two at once.
        collision = self._silence_before(sent) or self._babbles(now)
        if self._faults["echo"]:
            self._put(_Burst(now, request))
        if not collision and not self._random.chance(self._faults["silent"]):
            self._answer(request, sent)
        return count

    def readinto(self, buffer):
        """What has arrived until now."""
        now = ticks_us()
        if self._babbles(now):
            return self._noise(buffer, now)
        count = 0
        while self._bursts and count < len(buffer):
            burst = self._bursts[0]
            end = self._arrived(burst, now)
            if burst.taken <= burst.damaged < end:
                end = burst.damaged
            part = burst.data[burst.taken : min(end, burst.taken + len(buffer) - count)]
            buffer[count : count + len(part)] = part
            count += len(part)
            burst.taken += len(part)
            if burst.taken < len(burst.data):
                break
            self._bursts.pop(0)
        return count

    def damaged(self):
        """Whether the next character came with a wrong parity bit; it is gone then."""
        if not self._bursts:
            return False
        burst = self._bursts[0]
        if burst.damaged != burst.taken or self._arrived(burst, ticks_us()) <= burst.taken:
            return False
        burst.taken += 1
        if burst.taken == len(burst.data):
            self._bursts.pop(0)
        return True

    def _arrived(self, burst, now):
        """How many bytes of a burst have been on the wire."""
        return max(0, min(len(burst.data), ticks_diff(now, burst.begin_us) // self._byte_us))

    def _silence_before(self, end):
        """Lose what would arrive before `end`; whether there was anything."""
        lost = False
        while self._bursts and ticks_diff(self._bursts[0].begin_us, end) < 0:
            self._bursts.pop(0)
            lost = True
        return lost

    def _answer(self, request, sent):
        faults, random = self._faults, self._random
        data = self._meters.answer(request, (time_ns() // 1000 + sent - ticks_us()) // _MILLION)
        if data is None:
            return
        begin = sent + 1000 * (faults["delay_ms"] + random.below(faults["delay_ms"]))
        if random.chance(faults["late"]):
            begin += _LATE_US
        damaged = _NEVER
        if random.chance(faults["bad"]):
            damaged = random.below(len(data))
            if random.below(2):  # two bits: parity does not see it
                data = bytearray(data)
                data[damaged] ^= 3 << random.below(7)
                damaged = _NEVER
        self._put(_Burst(begin, data, damaged))

    def _put(self, burst):
        """Let a burst come: an earlier one may be later."""
        at = len(self._bursts)
        while at and ticks_diff(self._bursts[at - 1].begin_us, burst.begin_us) > 0:
            at -= 1
        self._bursts.insert(at, burst)

    def _babbles(self, now):
        utc_ms = time_ns() // _MILLION
        for begin, end in self._babble:
            if begin <= utc_ms < end:
                self._bursts.clear()
                return True
        self._heard = now
        return False

    def _noise(self, buffer, now):
        count = min(len(buffer), _ROOM, ticks_diff(now, self._heard) // self._byte_us)
        self._heard += count * self._byte_us
        for i in range(count):
            buffer[i] = self._random.below(256)
        return count
