# What is a good answer to each request, and what is none. Port scripted, bus and codec real.

import asyncio
import binascii
import json
from time import ticks_diff, ticks_ms

import dlt645
from concentrator import quality
from concentrator.bus import Bus
from concentrator.protocols import dlt645_requests as requests
from concentrator.protocols.dlt645_arguments import BROADCAST, WILDCARD, Access
from concentrator.protocols.dlt645_commands import perform
from fakes import Port, Settings

METER = "123456789012"
OTHER = "123456789013"
NEW = "000000000777"
ACCESS = Access(2, b"\0\0\0")
NEXT = Access(4, b"\x12\x34\x56")
EVE = (2028, 12, 31, 23, 59, 58)
IDENTITY = b"\xff\x00\x00\x07"

with open("tests/data/dlt645_vectors.json") as _file:
    VECTORS = {v["id"]: v for v in json.load(_file)}

# request, control code and data of the good answer
REQUESTS = {
    "write": (requests.write(METER, 0x04000103, b"\x30", ACCESS), 0x94, b""),
    "speed": (requests.change_speed(METER, 9600), 0x97, b"\x20"),
    "password": (requests.change_password(METER, ACCESS, NEXT), 0x98, NEXT.password),
    "demand": (requests.clear_demand(METER, ACCESS), 0x99, b""),
    "meter": (requests.clear_meter(METER, ACCESS), 0x9A, b""),
    "events": (requests.clear_events(METER, ACCESS), 0x9B, b""),
    "relay": (requests.switch_relay(METER, ACCESS, "trip", EVE), 0x9C, b""),
    "output": (requests.set_output(METER, "demand"), 0x9D, b"\x01"),
    "freeze": (requests.freeze(METER), 0x96, b""),
}
REQUESTS_1997 = {
    "write": (requests.write(METER, 0xC010, b"\x30", ACCESS, 1997), 0x84, b""),
    "speed": (requests.change_speed(METER, 9600, 1997), 0x8C, b"\x40"),
    "password": (requests.change_password(METER, ACCESS, NEXT, 1997), 0x8F, NEXT.password),
    "demand": (requests.clear_demand(METER, ACCESS, 1997), 0x90, b""),
}


def bus_with(answer, timeout_ms=30, retries=2):
    port = Port(answer)
    settings = Settings(
        baud=115200, timeout_ms=timeout_ms, retries=retries, preamble=4, pause_ms=0
    )
    return Bus(1, port, settings), port


async def result_of(request, *frames):
    # What comes of a request that is answered with these frames, and the transaction.
    bus, port = bus_with(lambda sent: [b"\xfe\xfe" + b"".join(frames)])
    result, transaction = await perform(bus, request)
    answer = result in (quality.GOOD, quality.REFUSED)
    assert len(port.requests) == (1 if answer or not request.repeatable else 3)
    return result, transaction


def frame(control, data, address=METER):
    return dlt645.frame(address, control, data)


async def test_good_answers_are_taken_and_refusals_named():
    for table, edition in ((REQUESTS, 2007), (REQUESTS_1997, 1997)):
        for name, (request, control, data) in table.items():
            result, transaction = await result_of(request, frame(control, data))
            assert result == quality.GOOD, name
            assert (transaction.control, transaction.data) == (control, data), name
            assert (transaction.address, transaction.error) == (METER, 0), name
            result, transaction = await result_of(request, frame(control | 0x40, b"\x04"))
            assert (result, transaction.error) == (quality.REFUSED, 4), name
            expected = "password wrong or not authorised" if edition == 2007 else "password wrong"
            assert transaction.error_names() == (expected,), name


async def test_answers_that_are_not_the_request_s_are_not_taken():
    async def gives(expected, request, control, data, address=METER):
        result, transaction = await result_of(request, frame(control, data, address))
        assert result == expected, (control, data, result)
        assert transaction.data == b"" and transaction.error == 0

    for table in (REQUESTS, REQUESTS_1997):
        for request, control, data in table.values():
            waiting = [
                gives(quality.WRONG, request, control, data, OTHER),
                gives(quality.WRONG, request, control ^ 0x01, data),
                gives(quality.WRONG, request, control | 0x20, data),
                gives(quality.MALFORMED, request, control, data + b"\0"),
                gives(quality.MALFORMED, request, control | 0x40, b""),
                gives(quality.MALFORMED, request, control | 0x40, b"\1\2\3"),
                gives(quality.TIMEOUT, request, request.control, request.data),  # our echo
            ]
            if data:
                other = bytes([data[0] ^ 1]) + data[1:]
                waiting.append(gives(quality.WRONG, request, control, other))
                waiting.append(gives(quality.MALFORMED, request, control, data[1:]))
            await asyncio.gather(*waiting)


async def test_a_damaged_answer_is_malformed_and_silence_a_timeout():
    async def gives(expected, answer):
        for request, control, data in REQUESTS.values():
            result, _ = await result_of(request, answer(frame(control, data)))
            assert result == expected

    await asyncio.gather(
        gives(quality.MALFORMED, lambda good: good[:-2] + bytes([good[-2] ^ 1]) + good[-1:]),
        gives(quality.MALFORMED, lambda good: good[:-1]),
        gives(quality.TIMEOUT, lambda good: b""),
    )


async def test_the_echo_and_foreign_frames_before_an_answer_do_no_harm():
    request, control, data = REQUESTS["relay"]
    echo = frame(request.control, request.data)
    foreign = frame(control, data, OTHER)
    result, _ = await result_of(request, echo, foreign, frame(control, data))
    assert result == quality.GOOD


async def test_what_changes_a_meter_is_sent_once_even_when_nobody_answers():
    for request, _, _ in REQUESTS.values():
        bus, port = bus_with(lambda sent: [], timeout_ms=1, retries=5)
        assert (await perform(bus, request))[0] == quality.TIMEOUT
        assert len(port.requests) == 1
        assert bus.retried == 0


async def test_an_address_that_is_read_is_the_one_it_comes_from():
    wire = b"\x12\x90\x78\x56\x34\x12"
    result, transaction = await result_of(requests.read_address(), frame(0x93, wire))
    assert (result, transaction.address) == (quality.GOOD, METER)
    result, _ = await result_of(requests.read_address(), frame(0x93, wire, OTHER))
    assert result == quality.WRONG
    result, _ = await result_of(requests.read_address(OTHER), frame(0x93, wire))
    assert result == quality.WRONG
    result, _ = await result_of(requests.read_address(), frame(0x93, wire[1:]))
    assert result == quality.MALFORMED
    v = VECTORS["v003"]
    answer = binascii.unhexlify(v["frame_hex"])
    result, transaction = await result_of(requests.read_address(), answer)
    assert (result, transaction.address) == (quality.GOOD, v["addr"])


async def test_reading_the_address_is_asked_again():
    wire = b"\x12\x90\x78\x56\x34\x12"
    answers = [[], [frame(0x93, wire)]]
    bus, port = bus_with(lambda sent: answers.pop(0))
    assert (await perform(bus, requests.read_address()))[0] == quality.GOOD
    assert len(port.requests) == 2


async def test_a_new_address_is_answered_from():
    for request, control in (
        (requests.write_address(WILDCARD, NEW), 0x95),
        (requests.write_address(METER, NEW, 1997), 0x8A),
    ):
        result, transaction = await result_of(request, frame(control, b"", NEW))
        assert (result, transaction.address) == (quality.GOOD, NEW)
        result, _ = await result_of(request, frame(control, b"", METER))
        assert result == quality.WRONG


async def test_the_answer_of_a_real_relay_and_of_a_real_refusal():
    v = VECTORS["v063"]
    request = requests.switch_relay(v["addr"], ACCESS, "close", EVE)
    assert (await result_of(request, binascii.unhexlify(v["frame_hex"])))[0] == quality.GOOD
    v = VECTORS["v092"]
    request = requests.write(v["addr"], 0xC010, b"\1\2\3\4", ACCESS, 1997)
    result, transaction = await result_of(request, binascii.unhexlify(v["frame_hex"]))
    assert (result, transaction.error) == (quality.REFUSED, 1)
    assert transaction.error_names() == ("illegal data",)


async def test_errors_of_two_bytes_are_those_of_relay_and_security():
    relay = REQUESTS["relay"][0]
    result, transaction = await result_of(relay, frame(0xDC, b"\x20\0"))
    assert (result, transaction.error) == (quality.REFUSED, 0x20)
    assert transaction.error_names() == ("keep-power refuses it",)
    security = requests.pass_security(METER, 0x03, IDENTITY + bytes(28))
    result, transaction = await result_of(security, frame(0xC3, b"\x08\x80"))
    assert (result, transaction.error) == (quality.REFUSED, 0x8008)
    assert transaction.error_names()[0] == "identity authentication failed"


async def test_security_answers_begin_with_the_identifier_and_are_given_without_it():
    security = requests.pass_security(METER, 0x03, IDENTITY + bytes(28))
    result, transaction = await result_of(security, frame(0x83, IDENTITY + b"12345678abcd"))
    assert (result, transaction.data) == (quality.GOOD, b"12345678abcd")
    result, _ = await result_of(security, frame(0x83, b"\xff\x01\x00\x07" + b"12345678abcd"))
    assert result == quality.WRONG
    longest = IDENTITY + bytes(196)
    assert (await result_of(security, frame(0x83, longest)))[1].data == bytes(196)
    enciphered = requests.pass_security(METER, 0x1C, b"\x98" + bytes(27))
    assert (await result_of(enciphered, frame(0x9C, b"")))[0] == quality.GOOD
    assert (await result_of(enciphered, frame(0xDC, b"\2\0")))[0] == quality.REFUSED


async def test_a_frame_that_is_passed_on_takes_any_answer_of_that_meter_and_function():
    request = requests.pass_frame(METER, 0x1C, b"anything")
    for control, data in ((0x9C, b""), (0x9C, bytes(200)), (0xDC, b"\1\2\3"), (0xBC, b"more")):
        result, transaction = await result_of(request, frame(control, data))
        assert (result, transaction.control, transaction.data) == (quality.GOOD, control, data)
    for control, address in ((0x9C, OTHER), (0x9D, METER), (0x91, METER)):
        assert (await result_of(request, frame(control, b"", address)))[0] == quality.WRONG
    assert (await result_of(request, frame(0x1C, b"anything")))[0] == quality.TIMEOUT
    anybody = requests.pass_frame(WILDCARD, 0x11, b"1234")
    result, transaction = await result_of(anybody, frame(0x91, b"1234", OTHER))
    assert (result, transaction.address) == (quality.GOOD, OTHER)


# --- What nobody answers ------------------------------------------------------------------------


async def test_a_broadcast_is_sent_once_and_the_line_kept_quiet_behind_it():
    # One that answers all the same, against the standard, is not taken for the next one's answer.
    for request in (requests.set_time(EVE), requests.freeze(BROADCAST)):
        bus, port = bus_with(lambda sent: [frame(0x96, b"")], timeout_ms=2000)
        started = ticks_ms()
        assert (await perform(bus, request))[0] == quality.GOOD
        took = ticks_diff(ticks_ms(), started)
        assert 500 <= took < 1900, took
        assert len(port.requests) == 1
        assert (bus.good, bus.failed, bus.retried) == (0, 0, 0)
        port.answer = lambda sent: []
        bus.timeout_ms = 10
        assert (await perform(bus, requests.freeze(METER)))[0] == quality.TIMEOUT


async def test_a_broadcast_on_a_line_that_is_gone_is_jammed():
    class Gone(Port):
        def write(self, buffer, count):
            raise OSError(5)

    bus, _ = bus_with(None)
    bus._port = Gone(None)
    assert (await perform(bus, requests.set_time(EVE)))[0] == quality.JAMMED


async def test_a_transaction_is_used_again_without_a_trace_of_the_last():
    bus, port = bus_with(lambda sent: [frame(0xDC, b"\x04")])
    request = REQUESTS["relay"][0]
    _, transaction = await perform(bus, request)
    assert transaction.error == 4
    port.answer = lambda sent: [frame(0x97, b"\x20")]
    transaction.prepare(REQUESTS["speed"][0])
    assert await bus.exchange(transaction) == quality.GOOD
    assert (transaction.error, transaction.data) == (0, b"\x20")
    transaction.prepare(request)
    assert (transaction.data, transaction.address, transaction.control) == (b"", "", 0)
