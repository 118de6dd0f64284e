"""The read plan: what to ask a meter for, in as few transactions as can be.

What several tasks want of one identifier is asked for once, and what has a block in common is
asked for as that block: at 2400 bit/s its further values take some milliseconds each, a further
transaction takes 28 bytes of request and frame, and the meter's time to think.
"""


class Step:
    """One identifier to be read, and where its values go.

    `targets` are tuples (row, item, index, factor, kept): value `index` of the answer, times
    `factor`, is value `item` of row `row`, and is judged by what is kept as `kept`. `singles` are
    the steps that give the same when a meter does not answer a block; empty for what is none.
    """

    __slots__ = ("form", "identifier", "singles", "targets")

    def __init__(self, identifier, form, targets, singles=()):
        self.identifier = identifier
        self.form = form
        self.targets = targets
        self.singles = singles


def make(wanted, block):
    """The steps for `wanted`, a list of (items.Place, row, item, kept), in its order.

    `block(identifier)` is (identifier of the block it is in, index of its first value there) or
    None; see protocols.
    """
    singles = []
    for place, row, item, kept in wanted:
        target = (row, item, place.index, place.factor, kept)
        for step in singles:
            if step.identifier == place.identifier and step.form == place.form:
                step.targets.append(target)
                break
        else:
            singles.append(Step(place.identifier, place.form, [target]))
    return _in_blocks(singles, block)


def _in_blocks(singles, block):
    """The same with every block in place of the first step it stands for."""
    found = [_found(step, block) for step in singles]
    steps = []
    for i, step in enumerate(singles):
        identifier = found[i][0]
        members = [j for j in range(len(singles)) if found[j][0] == identifier]
        if identifier is None or len(members) == 1:
            steps.append(step)
        elif members[0] == i:
            targets = []
            for j in members:
                for row, item, index, factor, kept in singles[j].targets:
                    targets.append((row, item, found[j][1] + index, factor, kept))
            steps.append(Step(identifier, None, targets, [singles[j] for j in members]))
    return steps


def _found(step, block):
    """(identifier of the block, index of the step's first value there); (None, 0) for none."""
    # A form of its own is the site's word for one identifier.
    return (block(step.identifier) if step.form is None else None) or (None, 0)
