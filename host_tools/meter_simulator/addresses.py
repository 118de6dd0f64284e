"""Addresses: 12 digits, the broadcast, and the wildcard AA (clause 5.2.1)."""

ADDRESS_DIGITS = 12
BROADCAST = "9" * ADDRESS_DIGITS
WILDCARD = "A" * ADDRESS_DIGITS

_PAIR = "AA"


def check_address(address: str) -> None:
    """Raise ValueError, with the reason, if this cannot be a meter's address."""
    if len(address) != ADDRESS_DIGITS or not (address.isascii() and address.isdigit()):
        raise ValueError(f"Meter address {address!r} does not have exactly 12 digits.")
    if address == BROADCAST:
        raise ValueError(f"Meter address {address} is the broadcast address; no meter has it.")


def matches(asked: str, address: str) -> bool:
    """Tell whether a request's address is a meter's: the digits, or AA pairs from the top on."""
    known = asked
    while known.startswith(_PAIR):
        known = known[len(_PAIR) :]
    return address.endswith(known)


def matches_1997(asked: str, address: str) -> bool:
    """Tell the same for the 1997 edition, where A may stand for every single leading digit."""
    return address.endswith(asked.lstrip("A"))


def padded_with_a(address: str) -> str:
    """Give an address as some 1997 meters do, with A in place of leading zeros."""
    return address.lstrip("0").rjust(ADDRESS_DIGITS, "A")


def from_wire(raw: bytes) -> str | None:
    """Give the address in six bytes of a data field; None if there can be no such meter."""
    address = raw[::-1].hex()
    return address if address.isdecimal() and address != BROADCAST else None
