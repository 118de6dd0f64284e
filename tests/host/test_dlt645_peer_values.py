# SPDX-License-Identifier: MIT
"""What another author's meter has, and what our codec makes of its answers.

PyPI `dlt645` has every energy, demand and variable of the 2007 edition, with tables of its own.
"""

import random
from datetime import datetime

import pytest
from dlt645.common.transform import parse_format
from dlt645.model.types.dlt645_type import Demand
from dlt645.protocol.protocol import DLT645Protocol
from dlt645.service.serversvc.server_service import MeterServerService

from tests.native.codec_library import SIGNED, UNSIGNED, Decoder, Request, values

SEED = 645
METER = bytes.fromhex("129078563412")
READ = 0x11
ENERGY, DEMAND, VARIABLE = range(3)  # the highest byte of an identifier
CLASSES = (ENERGY, DEMAND, VARIABLE)


class NoLine:
    service = None


@pytest.fixture(scope="module")
def meter() -> MeterServerService:
    service = MeterServerService.new_meter_server_service(NoLine())
    service.set_address(METER)
    return service


def tell(meter: MeterServerService, identifier: int, value: float) -> bool:
    """Give the meter a value; False if that is outside the item's range."""
    kind = identifier >> 24
    if kind == DEMAND:
        return meter.set_01(identifier, Demand(value, datetime(2026, 11, 21, 13, 40)))
    return (meter.set_00 if kind == ENERGY else meter.set_02)(identifier, value)


def ask(meter: MeterServerService, identifier: int) -> list[tuple[int, int, int]] | str:
    """Read it; (kind, number, scale) of the values, or what is wrong."""
    request = Request(2007, METER, READ, identifier.to_bytes(4, "little"))
    answer = meter.handle_request(DLT645Protocol.deserialize(request.encode(4)))
    decoder = Decoder()
    decoder.find_one(bytes(answer))
    verdict, payload, _ = request.judge(decoder)
    assert verdict == "answer"
    return values(2007, identifier, payload)


def numbers(meter: MeterServerService, sign: int):
    """Yield (identifier, number told, decimals, what we read) for every item that takes it."""
    chance = random.Random(SEED)
    for identifier, item in meter.data_map.items():
        if identifier >> 24 not in CLASSES:
            continue
        decimals, digits = parse_format(item.data_format)
        most = 10**digits * 79 // 100  # with the highest bit still free for a sign
        if item.max_value is not None:
            most = min(most, int(item.max_value * 10**decimals))
        told = sign * chance.randrange(1, most)
        if tell(meter, identifier, told / 10**decimals):
            yield identifier, told, decimals, ask(meter, identifier)


def test_every_number_is_read_as_the_meter_has_it(meter):
    checked = 0
    for identifier, told, decimals, found in numbers(meter, 1):
        kind, number, scale = found[0]
        assert (number, scale) == (told, -decimals), f"{identifier:08X}"
        assert kind in (UNSIGNED, SIGNED)
        checked += 1
    print(f"{checked} items")
    assert checked > 18_000


def test_a_minus_is_read_where_the_item_has_a_sign_and_only_there(meter):
    """Theirs puts a sign on every number; ours has one where the standard has it.

    What it puts on the others is a digit above 7 to us, or none: such a value is read as it is
    written, or refused.
    """
    signed = unsigned = 0
    for identifier, told, decimals, found in numbers(meter, -1):
        if found == "damaged":
            unsigned += 1
            continue
        kind, number, scale = found[0]
        assert scale == -decimals
        if kind == SIGNED:
            signed += 1
            assert number == told, f"{identifier:08X}"
        else:
            unsigned += 1
            assert number > -told, f"{identifier:08X}"
    print(f"{signed} items with a sign, {unsigned} without")
    assert signed > 1000
    assert unsigned > 1000


# What the other author's meter does, against the standard, with items of more than one frame.
TOO_LONG = {
    **dict.fromkeys(range(0x03300201, 0x0330020B), "no frame"),  # 230 data bytes at once
    **dict.fromkeys(range(0x03300801, 0x0330080B), "refused"),  # more than its frames can take
}


def test_the_other_authors_meter_answers_what_we_ask_of_every_item_it_has(meter):
    decoder = Decoder()
    judged = {}
    for identifier in meter.data_map:
        request = Request(2007, METER, READ, identifier.to_bytes(4, "little"))
        answer = bytes(meter.handle_request(DLT645Protocol.deserialize(request.encode(4))))
        verdict = "no frame"
        if decoder.frames([answer]):
            decoder.find_one(answer)
            verdict, *_ = request.judge(decoder)
        judged[identifier] = verdict
    assert {item: verdict for item, verdict in judged.items() if verdict != "answer"} == TOO_LONG
    assert len(judged) > 20_000
