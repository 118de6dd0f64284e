"""The pulse inputs' readings, one for every slot of a task that reads their item."""

from micropython import const

from . import quality, records
from .journal import READING
from .tasks import reads_input

BUS = const(0)  # what events call the pulse inputs, where buses count from 1


class PulseRounds:
    """Makes the readings of all pulse inputs, as rounds.Rounds does those of a bus.

    `inputs` is pulses.Inputs, `config` all of the configuration.
    """

    def __init__(self, inputs, config, clock, journal):
        self._inputs = inputs
        self._clock = clock
        self._journal = journal
        # For every task: (meter number, place of its item) of the inputs that it reads.
        self._wanted = [
            [
                (one.number, task.items.index(one.item))
                for one in config.pulses.inputs
                if reads_input(task, one)
            ]
            for task in config.tasks
        ]
        most_values = max(len(task.items) for task in config.tasks)
        self._buffer = bytearray(records.FIXED_SIZE + records.VALUE_SIZE * most_values)

    def reads(self, task, number):
        """Whether a task reads the input of that number."""
        return any(number == wanted for wanted, _ in self._wanted[task.number])

    async def read(self, slot, due, late=False, done=()):
        """Make a reading of every input for all tasks in `due`, but for those (task, number) in
        `done`. `late`: the slot had begun before anybody waited for it.
        """
        for task, number, place in self._missing(due, done):
            value, reason = self._inputs.reading(number)
            if late and reason == quality.GOOD:
                reason = quality.MADE_UP
            self._append(slot, task, number, reason, place, value)

    async def fill_up(self, slot, due, done):
        """The same for a slot that is over: readings that say that power failed."""
        for task, number, place in self._missing(due, done):
            self._append(slot, task, number, quality.POWER_FAILED, place, None)

    def _missing(self, due, done):
        for task in due:
            for number, place in self._wanted[task.number]:
                if (task.number, number) not in done:
                    yield task, number, place

    def _append(self, slot, task, number, reason, place, value):
        values = [None] * task.size
        values[place] = value
        offset = max(0, self._clock.now_ms() - slot * 1000) // 1000
        reading = records.Reading(
            task.number, number, slot, offset, self._clock.quality, reason, values
        )
        size = records.pack_reading(reading, self._buffer)
        self._journal.append(READING, self._buffer, size)
