"""The item catalogue: what can be read from a meter, by name, whatever its protocol.

Names are those of the protocols' tables, and a site's own ones from its configuration. An item's
value is an integer; its unit and scale (power of ten) go upstream once, in the birth. A meter of
an edition that counts in larger steps gives the same item in the same unit and scale.
"""

import dlt645

from .plausibility import Rule
from .protocols import dlt645_1997, dlt645_2007
from .protocols.names import all_names, locate

# What the configuration calls a meter's protocol: its edition.
EDITIONS = {"dlt645-2007": dlt645_2007.EDITION, "dlt645-1997": dlt645_1997.EDITION}

_TABLES = {dlt645_2007.EDITION: dlt645_2007, dlt645_1997.EDITION: dlt645_1997}
_NUMBERS = (dlt645.UNSIGNED, dlt645.SIGNED, dlt645.BITS)
KINDS = {"unsigned": dlt645.UNSIGNED, "signed": dlt645.SIGNED, "bits": dlt645.BITS}


class Place:
    """Where a meter of one edition has an item."""

    __slots__ = ("factor", "form", "identifier", "index")

    def __init__(self, identifier, index, factor, form):
        self.identifier = identifier
        self.index = index  # of the value in the answer
        self.factor = factor  # value times this is in the item's scale
        self.form = form  # (kind, size, list) when it is not that of the tables


class Catalogue:
    """All items of a site. `own` are its own ones, sections of the configuration.

    One without identifier is of pulse inputs only.

    Methods with a name raise KeyError for an item that is not known.
    """

    def __init__(self, own=()):
        self._own = {item.name: item for item in own}

    def is_number(self, name):
        """Whether its value is a number, and not text, a time or mere bytes."""
        return self._describe(name)[0] in _NUMBERS

    def scale(self, name):
        """The power of ten a value is to be multiplied by: -2 means hundredths of the unit."""
        return self._describe(name)[2]

    def unit(self, name):
        """The unit, e.g. kWh."""
        return self._describe(name)[3]

    def rule(self, name):
        """What its values may be after each other: a plausibility.Rule; of a number only."""
        kind, _, scale, unit = self._describe(name)[:4]
        return Rule(name, unit, scale, kind == dlt645.SIGNED, kind == dlt645.BITS)

    def place(self, name, edition):
        """Its Place in meters of an edition; None when they have no such item."""
        own = self._own.get(name)
        if own:
            return self._own_place(own, edition)
        scale = self.scale(name)
        found = _locate(name, edition)
        if found is None:
            return None
        identifier, index, described = found
        return Place(identifier, index, 10 ** (described[2] - scale), None)

    def _own_place(self, own, edition):
        if edition != _edition_of(own):
            return None
        form = (KINDS[own.kind], own.size, own.index > 0) if own.size else None
        return Place(int(own.identifier, 16), own.index, 1, form)

    def _describe(self, name):
        """(kind, size, scale, unit, ...)."""
        own = self._own.get(name)
        if own is None:
            found = _locate(name, dlt645_2007.EDITION) or _locate(name, dlt645_1997.EDITION)
            if found is None:
                raise KeyError(name)
            return found[2]
        if own.size or own.identifier is None:
            return KINDS[own.kind], own.size, own.scale, own.unit
        described = dlt645.item(_edition_of(own), int(own.identifier, 16), own.index)
        # Not in the tables: bytes.
        return described or (dlt645.RAW, 0, 0, "")


def _edition_of(own):
    if own.identifier is None:
        return None
    return dlt645_1997.EDITION if len(own.identifier) == 4 else dlt645_2007.EDITION


def _locate(name, edition):
    """(identifier, index, (kind, size, scale, unit, list)), or None."""
    found = locate(name, _TABLES[edition])
    if found is None:
        return None
    identifier, index = found
    described = dlt645.item(edition, identifier, index)
    return described and (identifier, index, described)


def blocks(edition):
    """The function that says which block an identifier is in; see plan.make()."""
    return _TABLES[edition].block


def names():
    """All built-in names but those of the past and the many that are numbered, sorted."""
    found = set()
    for edition, table in _TABLES.items():
        for name in all_names(table):
            if _locate(name, edition):
                found.add(name)
    return sorted(found)
