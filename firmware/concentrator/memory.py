"""What meters remember: which of the values that one has frozen is the right one for a past slot.

A meter freezes its registers at every midnight and every full hour of its clock and counts these
freezes from the newest on: "@day1" is of last midnight. So what "@day1" was at a slot three days
ago is "@day4" now. Source: DL/T 645-2007, data identification, freezes.
"""

from micropython import const

from . import dates, items, records, slots

KEPT = const(62 * 86400)  # s: nothing older is to be had

_FREEZES = (("day", dates.DAY), ("hour", 3600))  # and how far they are apart, by the wall clock
_STAMP = const("freeze.time")
_EDITION = items.EDITIONS["dlt645-2007"]  # only its meters freeze


class Source:
    """`register` as it was frozen at `moment`, in seconds of local time since 1970."""

    def __init__(self, kind, step, moment, register):
        self.kind = kind  # of freeze
        self.step = step  # s, from one to the next
        self.moment = moment
        self.register = register

    def number(self, local):
        """Which one it is when clocks show `local`; 1 is the newest."""
        return (local - local % self.step - self.moment) // self.step + 1


class Memory:
    """The past of what tasks read. `catalogue` is that of the site, `zone` its local time."""

    def __init__(self, catalogue, zone):
        self._catalogue = catalogue
        self._zone = zone
        self._grains = {}  # number of a task: see _grain()
        self._key = None  # of the sources looked up last: all meters lack the same
        self._sources = ()

    @staticmethod
    def reaches(edition):
        """Whether meters of an edition freeze anything."""
        return edition == _EDITION

    def place(self, register, kind, number):
        """The items.Place of a register in a freeze; None if it is in none."""
        try:
            return self._catalogue.place("%s@%s%d" % (register, kind, number), _EDITION)
        except KeyError:
            return None

    def stamp(self, kind, number):
        """The items.Place of the time at which a freeze was made; None when it is too old."""
        return self.place(_STAMP, kind, number)

    def sources(self, task, slot):
        """A Source, or None, for every item of a task at a slot."""
        if self._key != (task.number, slot):
            self._key = task.number, slot
            self._sources = [self._source(name, self.local(slot)) for name in _names(task)]
        return self._sources

    def kept(self, task, slot, now):
        """The same, but None for what is so old that meters have forgotten it `now`."""
        local = self.local(now)
        kept = []
        for source in self.sources(task, slot):
            stamp = source and self.stamp(source.kind, source.number(local))
            kept.append(source if stamp else None)
        return kept

    def following(self, task, slot):
        """The first slot of a task after `slot` that may be remembered."""
        grain = self._grain(task)
        if grain > 1:
            slot = slots.next_slot(slot, grain, self._zone) - 1
        return task.grid.following(slot)

    def previous(self, task, slot):
        """The last slot of a task before `slot` that may be remembered."""
        grain = self._grain(task)
        slot -= 1
        if grain > 1:
            slot = slots.previous_slot(slot, grain, self._zone)
        return task.grid.present(slot)

    def has(self, task):
        """Whether anything that a task reads may be remembered."""
        return self._grain(task) > 0

    def local(self, utc):
        """What clocks show at an instant, in seconds since 1970."""
        return utc + self._zone.offset(utc)

    def _grain(self, task):
        """How many seconds those slots are apart that may be remembered: 1 for all, 0 for none."""
        grain = self._grains.get(task.number)
        if grain is None:
            grain = min([self._step(name) for name in _names(task)])
            self._grains[task.number] = grain = 0 if grain > dates.DAY else grain
        return grain

    def _step(self, name):
        if self._source(name, 0) is None:
            return dates.DAY + 1
        if "@" in name:
            return 1
        return [step for kind, step in _FREEZES if self.place(name, kind, 1)][-1]

    def _source(self, name, local):
        """What stands for an item when clocks showed `local`."""
        register, past, when = name.partition("@")
        for kind, step in _FREEZES:
            back = 0
            if past:
                if not when.startswith(kind):
                    continue
                back = int(when[len(kind) :]) - 1
            elif local % step or not self.place(name, kind, 1):
                continue
            moment = local - local % step - back * step
            return None if self._comes_twice(moment) else Source(kind, step, moment, register)
        return None

    def _comes_twice(self, moment):
        """Whether clocks show a moment at two instants: then a freeze's time proves nothing."""
        first = self._zone.utc(moment)
        second = first + self._zone.shift
        return second != first and self.local(second) == moment


def moment(stamp):
    """Local seconds since 1970 of a freeze's time, YYMMDDhhmm; None for one that is none."""
    if stamp is None or stamp == "0000000000":  # nothing was frozen there yet
        return None
    year, month, day, hour, minute = [int(stamp[at : at + 2]) for at in range(0, 10, 2)]
    return dates.utc_seconds(2000 + year, month, day, hour, minute)


def _names(task):
    return records.unpack_task(task.context)[1]
