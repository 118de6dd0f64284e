# SPDX-License-Identifier: MIT
# The dlt645 C module against real frames. Run by MicroPython, from the root of the repository.

import binascii
import gc
import json

import dlt645
from fakes import raises

with open("tests/data/dlt645_vectors.json") as _file:
    VECTORS = json.load(_file)

GOOD = [v for v in VECTORS if v["frame_offset"] is not None]
BAD = [v for v in VECTORS if v["frame_offset"] is None]

METER = "123456789012"
DATA = bytes([0x00, 0x00, 0x01, 0x00, 0x78, 0x56, 0x34, 0x12])
ANSWER = binascii.unhexlify("6812907856341268910833333433ab896745cc16")


def wire(vector):
    return binascii.unhexlify(vector["frame_hex"])


def vector(name):
    return next(v for v in VECTORS if v["id"] == name)


def expected(vector):
    return (vector["addr"], int(vector["control"], 16), binascii.unhexlify(vector["data_hex"]))


def deliver(decoder, frames):
    buffer = bytearray(200)
    length = decoder.data(buffer)
    assert length == decoder.length
    frames.append((decoder.address, decoder.control, bytes(buffer[:length])))


def stream(decoder, received, chunk):
    # Feed chunk bytes at a time, as a bus does; the frames that come out before any silence.
    frames = []
    view = memoryview(received)
    for start in range(0, len(view), chunk):
        part = view[start : start + chunk]
        while part:
            part = part[decoder.feed(part) :]
            while decoder.next():
                deliver(decoder, frames)
    return frames


def silence(decoder):
    frames = []
    more = decoder.timeout()
    while more:
        deliver(decoder, frames)
        more = decoder.next()
    assert decoder.needed() == 12
    return frames


def all_ways(received):
    # The frames before and after the silence, which must not depend on how the bytes arrive.
    results = []
    for chunk in (1, 3, len(received)):
        decoder = dlt645.Decoder()
        results.append((stream(decoder, received, chunk), silence(decoder)))
    assert results[0] == results[1] == results[2]
    return results[0]


def test_vectors_are_there():
    assert len(GOOD) > 60, len(GOOD)
    assert len(BAD) >= 7, len(BAD)


def test_module_knows_its_name():
    assert dlt645.__name__ == "dlt645"


def test_parse_gives_what_every_good_vector_says():
    for v in GOOD:
        assert dlt645.parse(wire(v)) == expected(v), v["id"]


def test_parse_names_what_is_wrong_with_every_bad_vector():
    messages = {
        "v115": "checksum wrong: got E8H, expected E7H",
        "v117": "second start mark missing: 69H instead of 68H",
        "v118": "length 255 over 200",
        "v119": "truncated: 8 bytes missing",
        "v121": "too short: 4 bytes, a frame has 12 or more",
        "v124": "checksum wrong: got E0H, expected 6FH",
        "v125": "checksum wrong: got 03H, expected 61H",
    }
    for v in BAD:
        message = raises(ValueError, dlt645.parse, wire(v))
        assert message == messages.get(v["id"], message), (v["id"], message)


def test_parse_names_marks_and_cuts():
    assert raises(ValueError, dlt645.parse, b"") == "too short: 0 bytes, a frame has 12 or more"
    assert raises(ValueError, dlt645.parse, bytes(20)) == "no start mark 68H"
    broken = ANSWER[:-1] + b"\x17"
    assert raises(ValueError, dlt645.parse, broken) == "end mark missing: 17H instead of 16H"
    assert raises(ValueError, dlt645.parse, ANSWER[:-1]) == "truncated: 1 bytes missing"
    message = raises(ValueError, dlt645.parse, b"\xfe" * 10 + ANSWER[:5])
    assert message == "truncated: at least 7 bytes missing"


def test_parse_takes_any_buffer_but_no_text():
    for kind in (bytes, bytearray, memoryview):
        assert dlt645.parse(kind(ANSWER)) == (METER, 0x91, DATA)
    for wrong in (None, 1, "68", [0x68]):
        raises(TypeError, dlt645.parse, wrong)


def test_frame_rebuilds_every_good_vector_bit_for_bit():
    for v in GOOD:
        start = v["frame_offset"]
        frame = dlt645.frame(*expected(v))
        assert frame == wire(v)[start : start + v["frame_len"]], v["id"]


def test_encode_writes_the_same_frame_behind_its_preamble():
    buffer = bytearray(228)
    for v in GOOD:
        frame = dlt645.frame(*expected(v))
        for preamble in (0, 1, 4, 16):
            n = dlt645.encode(buffer, *expected(v), preamble=preamble)
            assert bytes(buffer[:n]) == b"\xfe" * preamble + frame, v["id"]
    assert dlt645.encode(buffer, METER, 0x91, DATA) == 4 + len(ANSWER)
    assert dlt645.encode(memoryview(buffer)[10:], METER, 0x91, DATA, 0) == len(ANSWER)
    assert buffer[10:30] == ANSWER


def test_encode_refuses_what_does_not_fit_and_writes_nothing():
    buffer = bytearray(23)
    message = raises(ValueError, dlt645.encode, buffer, METER, 0x91, DATA)
    assert message == "buffer of 23 bytes too small, 24 needed"
    assert buffer == bytes(23)
    assert dlt645.encode(buffer, METER, 0x91, DATA, 3) == 23
    raises(ValueError, dlt645.encode, bytearray(300), METER, 0x91, DATA, 17)
    raises(ValueError, dlt645.encode, bytearray(300), METER, 0x91, DATA, -1)
    raises(ValueError, dlt645.encode, bytearray(300), METER, 0x91, bytes(201))
    raises(TypeError, dlt645.encode, bytes(30), METER, 0x91, DATA)
    raises(TypeError, dlt645.encode, None, METER, 0x91, DATA)


def test_bad_arguments_are_named():
    for address in ("", "12345678901", "1234567890123", "12345678901B", "12345678901 "):
        message = raises(ValueError, dlt645.frame, address, 0x11, b"")
        assert "'%s'" % address in message, message
        raises(ValueError, dlt645.encode, bytearray(30), address, 0x11, b"")
        raises(ValueError, dlt645.Decoder().is_from, address)
    for control in (-1, 256, 1 << 40, 1 << 80, -(1 << 80)):
        assert "control" in raises(ValueError, dlt645.frame, METER, control, b"")
    assert "201" in raises(ValueError, dlt645.frame, METER, 0x11, bytes(201))
    raises(TypeError, dlt645.frame, 123456789012, 0x11, b"")
    raises(TypeError, dlt645.frame, b"123456789012", 0x11, b"")
    raises(TypeError, dlt645.frame, METER, "11", b"")
    raises(TypeError, dlt645.frame, METER, None, b"")
    raises(TypeError, dlt645.frame, METER, 0x11, "data")
    raises(TypeError, dlt645.frame, METER, 0x11, None)


def test_every_length_survives_the_round_trip():
    for length in range(201):
        data = bytes((7 * i + length) & 0xFF for i in range(length))
        frame = dlt645.frame(METER, 0x91, data)
        assert len(frame) == 12 + length
        assert dlt645.parse(frame) == (METER, 0x91, data)


def test_every_byte_value_survives_in_data_and_control():
    for value in range(256):
        data = bytes([value] * 20)
        assert dlt645.parse(dlt645.frame(METER, value, data)) == (METER, value, data)


def test_decoder_finds_every_good_vector_however_it_arrives():
    for v in GOOD:
        before, after = all_ways(wire(v))
        assert (before + after)[0] == expected(v), v["id"]
        if v["id"] != "v106":
            assert len(before + after) == 1, v["id"]


def test_decoder_finds_nothing_in_bad_vectors_and_stays_in_sync():
    for v in BAD:
        assert all_ways(wire(v)) == ([], []), v["id"]
        decoder = dlt645.Decoder()
        assert stream(decoder, wire(v), 3) == []
        assert silence(decoder) == []
        assert stream(decoder, ANSWER, 3) == [(METER, 0x91, DATA)], v["id"]


def test_decoder_shows_both_the_echo_and_the_answer():
    before, after = all_ways(wire(vector("v106")))
    assert [frame[1] for frame in before] == [0x11, 0x91]
    assert after == []


def test_decoder_finds_the_repeated_frame_behind_the_cut_one():
    # The first frame of v109 stops half-way, so the second is the only good one.
    before, after = all_ways(wire(vector("v109")))
    assert before == [expected(vector("v109"))]
    assert after == []


def test_decoder_finds_the_frame_under_a_false_header_only_after_the_silence():
    before, after = all_ways(wire(vector("v113")))
    assert before == []
    assert after == [expected(vector("v113"))]


def test_decoder_never_joins_bytes_across_a_silence():
    decoder = dlt645.Decoder()
    assert stream(decoder, ANSWER[:15], 15) == []
    assert silence(decoder) == []
    assert stream(decoder, ANSWER[15:] + ANSWER, 1) == [(METER, 0x91, DATA)]


def test_needed_counts_down_to_the_frame():
    decoder = dlt645.Decoder()
    assert decoder.needed() == 12
    for i in range(len(ANSWER)):
        # The length is known once its byte, the tenth, is there.
        assert decoder.needed() == (12 if i < 10 else 20) - i
        assert not decoder.next()
        assert decoder.feed(ANSWER[i : i + 1]) == 1
    assert decoder.needed() == 1
    assert decoder.next()
    assert decoder.needed() == 12
    # Asking costs the frame nothing.
    assert decoder.is_from(METER)


def test_feed_takes_only_what_fits_and_loses_nothing():
    decoder = dlt645.Decoder()
    received = ANSWER * 40
    assert 424 <= decoder.feed(received) < len(received)
    assert decoder.feed(received) == 0
    assert len(stream(dlt645.Decoder(), received, len(received))) == 40


def test_feed_counts_the_bytes_it_is_told():
    decoder = dlt645.Decoder()
    assert decoder.feed(ANSWER, 7) == 7
    assert decoder.feed(memoryview(ANSWER)[7:], count=13) == 13
    assert decoder.next()
    assert decoder.feed(b"") == 0
    assert decoder.feed(ANSWER, 0) == 0
    raises(ValueError, decoder.feed, ANSWER, 21)
    raises(ValueError, decoder.feed, ANSWER, -2)
    raises(TypeError, decoder.feed, "text")
    raises(TypeError, decoder.feed, None)


def test_current_frame_ends_with_the_next_call():
    decoder = dlt645.Decoder()
    for end in (decoder.next, decoder.timeout, decoder.reset, lambda: decoder.feed(b"\xfe")):
        decoder.reset()
        decoder.feed(ANSWER)
        assert decoder.next()
        assert (decoder.control, decoder.length, decoder.address) == (0x91, 8, METER)
        end()
        assert (decoder.control, decoder.length, decoder.address) == (None, 0, None)
        assert not decoder.is_from(METER)
        raises(ValueError, decoder.data, bytearray(200))


def test_data_refuses_a_buffer_that_is_too_small():
    decoder = dlt645.Decoder()
    decoder.feed(ANSWER)
    assert decoder.next()
    message = raises(ValueError, decoder.data, bytearray(7))
    assert message == "buffer of 7 bytes too small, 8 needed"
    raises(TypeError, decoder.data, bytes(8))
    buffer = bytearray(8)
    assert decoder.data(buffer) == 8
    assert buffer == DATA


def test_is_from_takes_a_as_any_digit():
    decoder = dlt645.Decoder()
    decoder.feed(ANSWER)
    assert decoder.next()
    for asked in (METER, "AAAAAAAAAAAA", "aaaaaaaaaaaa", "AAAAAAAAAA12", "AA3456789012"):
        assert decoder.is_from(asked), asked
    for asked in ("223456789012", "123456789013", "AAAAAAAAAA13", "AA3456789112", "0" * 12):
        assert not decoder.is_from(asked), asked


def test_is_from_knows_every_good_vector_and_its_wildcards():
    decoder = dlt645.Decoder()
    seen = 0
    for v in GOOD:
        decoder.reset()
        start = v["frame_offset"]
        decoder.feed(wire(v)[start : start + v["frame_len"]])
        assert decoder.next(), v["id"]
        assert decoder.is_from(v["addr"]), v["id"]
        if "A" in v["addr"]:
            # What asks for many is an address of its own when it is the one that answers.
            assert not decoder.is_from(v["addr"].replace("A", "0")), v["id"]
            seen += 1
    assert seen >= 2


def test_counters_tell_what_happened():
    decoder = dlt645.Decoder()
    wrong_sum = ANSWER[:-2] + b"\x00\x16"
    wrong_end = ANSWER[:-1] + b"\x00"
    stream(decoder, b"\xfe\xfe" + ANSWER + wrong_sum + wrong_end, 5)
    stream(decoder, wire(vector("v118")), 5)
    silence(decoder)
    stream(decoder, ANSWER[:15], 5)
    silence(decoder)
    assert decoder.frames == 1
    assert decoder.checksum_errors == 1
    assert decoder.rejected == 4
    assert decoder.skipped == 2 + 20 + 20 + 12 + 15
    decoder.reset()
    assert decoder.frames == 1


def test_attributes_are_read_only_and_no_others_exist():
    decoder = dlt645.Decoder()
    for name in ("control", "length", "address", "frames", "skipped", "other"):
        raises(AttributeError, setattr, decoder, name, 1)
    raises(AttributeError, getattr, decoder, "other")
    raises(TypeError, dlt645.Decoder, 1)


def test_bus_path_allocates_nothing():
    decoder = dlt645.Decoder()
    received = memoryview(b"\xfe\xfe\x68\x01" + ANSWER)
    rest = received[9:]
    false_header = wire(vector("v113"))
    request = bytearray(32)
    payload = b"\x00\x00\x01\x00"
    data = bytearray(200)
    good = 0
    n = 0
    gc.collect()
    gc.disable()
    try:
        before = gc.mem_alloc()
        for _ in range(100):
            n += dlt645.encode(request, METER, 0x11, payload)
            n += dlt645.encode(request, METER, 0x11, payload, preamble=2)
            decoder.reset()
            decoder.feed(received, 9)
            n += decoder.needed()
            decoder.feed(rest)
            while decoder.next():
                if decoder.control == 0x91 and decoder.is_from(METER):
                    good += decoder.data(data) == decoder.length
            decoder.feed(false_header, count=30)
            decoder.next()
            if decoder.timeout():
                good += decoder.control == 0x91
            n += decoder.frames + decoder.skipped + decoder.rejected + decoder.checksum_errors
        after = gc.mem_alloc()
    finally:
        gc.enable()
    assert good == 200, good
    assert after - before == 0, after - before
