"""Tasks as the collector needs them: their items looked up, and what to ask a meter for."""

from . import grids, items, plan, records


class Task:
    """A task with its number in the journal. `names` are the items of all tasks, items_of().

    `places` has, for every edition that a meter is of, where each item is: an items.Place or None.
    `kept` is where each item is in `names`.
    """

    def __init__(self, number, settings, config, editions, names):
        self.number = number
        self.grid = grids.of(settings, config.zone)
        self.meters = settings.meters  # their numbers; None for all
        self.size = len(settings.items)
        catalogue = config.catalogue
        self.places = {
            edition: [catalogue.place(name, edition) for name in settings.items]
            for edition in editions
        }
        self.kept = [names.index(name) for name in settings.items]
        scales = [catalogue.scale(name) for name in settings.items]
        self.context = records.pack_task(settings.name, settings.items, scales)


def make_tasks(config):
    """The Tasks of a configuration."""
    editions = {items.EDITIONS[meter.protocol] for meter in config.meters}
    names = items_of(config.tasks)
    return [Task(i, task, config, editions, names) for i, task in enumerate(config.tasks)]


def items_of(tasks):
    """The names of all items of tasks (sections of the configuration), each once."""
    names = []
    for task in tasks:
        for name in task.items:
            if name not in names:
                names.append(name)
    return names


def is_present(tasks, number, context):
    """Whether readings of task `number` are of one of `tasks`, not of an earlier configuration's.

    `context` is what the journal says that they mean.
    """
    return number < len(tasks) and context.get(number) == tasks[number].context


def bits_of(tasks, number):
    """A bit for each task that reads the meter of that number."""
    bits = 0
    for task in tasks:
        if task.meters is None or number in task.meters:
            bits |= 1 << task.number
    return bits


def reads_input(task, pulse_input):
    """Whether a task reads a pulse input; both are sections of the configuration."""
    is_member = task.meters is None or pulse_input.number in task.meters
    return is_member and pulse_input.item in task.items


def steps(tasks, bits, edition):
    """What a meter of an edition is to be asked for, for the tasks of `bits`: see plan.make()."""
    wanted = []
    for task in tasks:
        if bits >> task.number & 1:
            for item, place in enumerate(task.places[edition]):
                if place is not None:  # the edition has such an item
                    wanted.append((place, task.number, item, task.kept[item]))
    return plan.make(wanted, items.blocks(edition))
