"""Names of items: what the tables of both editions of DL/T 645 have in common.

A table is one text, a line each: in a frozen image it takes flash and no RAM.
"""

_PHASES = ("total", "a", "b", "c")


def find(table, name):
    """The rest of the line "name ..." of a table whose lines begin and end with \\n, or None."""
    at = table.find("\n" + name + " ")
    if at < 0 or " " in name:
        return None
    at += len(name) + 2
    return table[at : table.find("\n", at)]


def number(text, prefix, most):
    """The number 1..most behind a prefix, as in "rate3"; None when that is not what it is."""
    digits = text[len(prefix) :]
    if not text.startswith(prefix) or not digits.isdigit() or digits[0] == "0":
        return None
    value = int(digits)
    return value if value <= most else None


def locate(name, edition):
    """(identifier, index of the value in its answer) of the name in an edition, or None.

    The edition is a module. Its tables are PHASED, names with .total, .a, .b or .c behind them:
    identifier of the total, the others being PHASE apart; NUMBERED, names with .1, .2 ...:
    identifier of a number 0, how many there are; PLAIN, all others: identifier, which value of the
    answer if not the first. register(words, when) knows energy and demand, event(words) the events
    of a phase, past(base, when) what else there is of the past; they give what this does.
    """
    base, at, when = name.partition("@")
    if at and not when:
        return None
    words = base.split(".")
    if words[0] in ("energy", "demand") and len(words) > 2:
        found = edition.register(words, when)
        if found:
            return found
    if when:
        return edition.past(base, when) if edition.past else None
    if words[0] in ("count", "minutes", "record") and edition.event:
        found = edition.event(words)
        if found:
            return found
    return _of_tables(base, edition)


def _of_tables(name, edition):
    head, _, tail = name.rpartition(".")
    line = find(edition.PHASED, head)
    if line and tail in _PHASES:
        return int(line, 16) + _PHASES.index(tail) * edition.PHASE, 0
    line = find(edition.NUMBERED, head)
    if line:
        identifier, most = line.split(" ")
        count = number(tail, "", int(most))
        return (int(identifier, 16) + count, 0) if count else None
    line = find(edition.PLAIN, name)
    if line is None:
        return None
    identifier, _, index = line.partition(" ")
    return int(identifier, 16), int(index or 0)


def split_register(words, most_rates):
    """(words of the quantity, rate, whether when it was) of energy or demand, or None."""
    of_time = words[0] == "demand" and words[-1] == "time"
    if of_time:
        words = words[:-1]
    rate = 0 if words[-1] == "total" else number(words[-1], "rate", most_rates)
    return None if rate is None else (words[1:-1], rate, of_time)


def all_names(edition):
    """All names but those of the past; of rates the first four, of what is numbered the first."""
    found = _first_words(edition.PLAIN)
    found += [name + ".1" for name in _first_words(edition.NUMBERED)]
    for name in _first_words(edition.PHASED):
        found += [name + "." + phase for phase in _PHASES]
    for name in _first_words(edition.EVENTS):
        for phase in _PHASES[1:]:
            base = name + "." + phase
            found += ["count." + base, "minutes." + base, "record." + base + ".1"]
    for name in _first_words(edition.QUANTITIES):
        for own in edition.BEFORE_QUANTITY:
            for rate in ("total", "rate1", "rate2", "rate3", "rate4"):
                base = own + name + "." + rate
                found += ["energy." + base, "demand." + base, "demand." + base + ".time"]
    return [name for name in found if locate(name, edition)]


def _first_words(table):
    return [line.split(" ")[0] for line in table.strip().split("\n")]
