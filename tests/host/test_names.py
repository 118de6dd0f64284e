"""The network's name server: what it answers, and what it leaves unanswered."""

import asyncio

import pytest
from ppp_client import name_query

from host_tools.modem_simulator.names import answer, look_up

KNOWN = {"broker.test": "10.64.64.1"}
HEADER_BYTES = 12


def ask(query: bytes) -> bytes | None:
    return asyncio.run(answer(query, lambda name: look_up(name, KNOWN)))


def test_a_known_name_has_its_address_however_it_is_written() -> None:
    query = name_query("BROKER.test")
    reply = ask(query)
    assert reply is not None
    assert reply[:HEADER_BYTES] == b"\x12\x34\x81\x80\0\1\0\1\0\0\0\0"
    question = query[HEADER_BYTES:]
    assert reply[HEADER_BYTES:].startswith(question)
    record = reply[HEADER_BYTES + len(question) :]
    assert record == b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\x40\x40\x01"


def test_an_unknown_name_does_not_exist() -> None:
    for name in ("other.test", "nowhere.invalid"):
        reply = ask(name_query(name))
        assert reply is not None
        assert reply[2:8] == b"\x81\x83\0\1\0\0"


def test_a_known_name_has_nothing_but_an_ipv4_address() -> None:
    reply = ask(name_query("broker.test")[:-4] + b"\x00\x1c\x00\x01")
    assert reply is not None
    assert reply[2:8] == b"\x81\x80\0\1\0\0"


@pytest.mark.parametrize("size", range(29))
def test_half_a_query_is_not_answered(size: int) -> None:
    query = name_query("broker.test")
    assert size < len(query)
    assert ask(query[:size]) is None


def test_an_answer_is_not_answered() -> None:
    query = bytearray(name_query("broker.test"))
    query[2] |= 0x80
    assert ask(bytes(query)) is None
