"""Looking up names in a table that is one text: in a frozen image it takes flash and no RAM."""


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


def all_names(table):
    """The names of a table."""
    return [line.split(" ")[0] for line in table.strip().split("\n")]
