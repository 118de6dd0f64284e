# SPDX-License-Identifier: MIT
# Answers, follow-up frames and values through the dlt645 module, and every real frame by its id.
# Run by MicroPython, from the root of the repository.

import binascii
import gc
import json

import dlt645
from concentrator.protocols.dlt645_arguments import load_range
from fakes import raises

METER = "123456789012"
ENERGY = b"\x00\x00\x01\x00"
VALUE = b"\x78\x56\x34\x12"

with open("tests/data/dlt645_vectors.json") as _file:
    VECTORS = {v["id"]: v for v in json.load(_file)}

# refusals: (error word, names)
REFUSALS = {
    "v057": (6, ("no such data", "password wrong or not authorised")),
    "v059": (2, ("no such data",)),
    "v060": (0xFE, None),
    "v080": (2, ("no such data",)),
    "v090": (2, ("identifier wrong",)),
    "v092": (1, ("illegal data",)),
}
# answers that are none to what was asked, or carry no value: tests of their own below
OTHERS = ("v003", "v063", "v064", "v079", "v082", "v104", "v111", "v128")


def values_vectors():
    # All answers beside those; what is no frame, or a request, test_dlt645_codec.py sees to.
    for name in sorted(VECTORS):
        v = VECTORS[name]
        frame = v["frame_offset"] is not None and v["direction"] != "master->meter"
        if frame and name not in OTHERS and name not in REFUSALS:
            yield name, v


class Exchange:
    # One with a decoder and room for 100 values of its own.

    def __init__(self, size=64, room=100):
        self.decoder = dlt645.Decoder()
        self.into = [None] * room
        self.of_module = dlt645.Exchange(size, self.decoder, self.into)

    def __getattr__(self, name):
        return getattr(self.of_module, name)

    def take(self, frame):
        # What has come of a frame: an answer's result; None when it is no answer.
        self.listen()
        result = self.receive(frame, len(frame))
        if result > 0:
            result = self.cut()
        return None if result > 0 else result

    def judged(self, frame):
        # The verdict on the answer to another request.
        self.decoder.reset()
        self.decoder.feed(frame)
        assert self.decoder.next()
        return self.judge()

    def values(self):
        return self.into[: self.count]


def asking(identifier, edition=2007, address=METER, size=64, form=None):
    exchange = Exchange(size)
    exchange.begin(edition, address, identifier, form)
    sent(exchange)
    return exchange


def sent(exchange):
    # (address, control, data) of the request for what is wanted now.
    buffer = bytearray(32)
    return dlt645.parse(memoryview(buffer)[: exchange.request(buffer)])


def take(exchange, control, data, address=METER):
    return exchange.take(dlt645.frame(address, control, data))


def meaning(entry):
    # A vector's decoded value as the module gives it, and its scale.
    form, text = entry["format"], entry["value"]
    if form[0] in "XN" and form != "NNNNNNNNNNNN":
        sign = -1 if text[0] == "-" else 1
        digits = text.lstrip("-").replace(".", "")
        return sign * int(digits), -len(text.split(".")[1]) if "." in text else 0
    return text, 0


def test_answers_of_real_meters_give_what_the_meters_showed():
    seen = 0
    for name, v in values_vectors():
        seen += 1
        edition = int(v["version"])
        identifier = int(v["di"], 16)
        exchange = asking(identifier, edition, v["addr"])
        # In v106 our own echo comes first.
        assert exchange.take(binascii.unhexlify(v["frame_hex"])) == dlt645.COMPLETE, name
        found = exchange.values()
        assert found == list(dlt645.values(edition, identifier, exchange.data())), name
        assert len(found) == max(1, len(v["decoded"])), name
        for place, entry in enumerate(v["decoded"]):
            wanted, scale = meaning(entry)
            assert found[place] == wanted, (name, found[place], wanted)
            assert place or dlt645.item(edition, identifier)[2] == scale, name
        assert exchange.event_pending == (name == "v081"), name
    assert seen >= 38, seen


def test_refusals_of_real_meters_are_kept_raw_and_named():
    for name, (error, names) in REFUSALS.items():
        v = VECTORS[name]
        edition = int(v["version"])
        exchange = asking(0x9010 if edition == 1997 else 0x00010000, edition, v["addr"])
        if name == "v080":  # of a follow-up
            take(exchange, 0xB1, ENERGY + VALUE[:2], v["addr"])
            assert sent(exchange)[1] == 0x12
        progress = exchange.take(binascii.unhexlify(v["frame_hex"]))
        if name == "v092":  # of a write, which is not what was asked
            assert (progress, exchange.verdict) == (None, dlt645.OTHER_FUNCTION)
            continue
        assert (progress, exchange.verdict) == (dlt645.GIVEN_UP, dlt645.REFUSED), name
        assert (exchange.error, exchange.error_size) == (error, 1), name
        assert names is None or exchange.error_names() == names, name
    # v060: bit 7 has no name, and the others keep theirs.
    exchange = asking(0x00010000)
    take(exchange, 0xD1, b"\xfe")
    assert exchange.error == 0xFE and len(exchange.error_names()) == 6


def of_vector(name, identifier, address=None):
    v = VECTORS[name]
    exchange = asking(identifier, 2007, address or v["addr"])
    return exchange, exchange.take(binascii.unhexlify(v["frame_hex"]))


def test_frames_that_are_no_answer_to_the_question():
    for name, verdict in (
        ("v003", dlt645.OTHER_FUNCTION),  # an address
        ("v063", dlt645.OTHER_FUNCTION),  # a command done
        ("v064", dlt645.BAD_LENGTH),  # not even an identifier
        ("v079", dlt645.OTHER_FUNCTION),  # a follow-up nobody asked for
        ("v111", dlt645.OTHER_FUNCTION),  # another protocol inside a frame
    ):
        exchange, progress = of_vector(name, 0x00010000)
        assert (progress, exchange.verdict) == (None, verdict), name
        assert exchange.length == 0, name
    assert of_vector("v009", 0x00010000, "123456789013")[0].verdict == dlt645.OTHER_METER
    assert of_vector("v009", 0x00020000)[0].verdict == dlt645.OTHER_IDENTIFIER
    # v104: a voltage of three bytes. v128: digits that are none.
    for name, identifier in (("v104", 0x02010100), ("v128", 0x00010000)):
        exchange, progress = of_vector(name, identifier)
        assert (progress, exchange.verdict) == (None, dlt645.ANSWER)
        assert (exchange.heard, exchange.length, exchange.count) == (dlt645.BROKEN, 0, 0)


def test_what_came_instead_of_an_answer_is_told():
    answer = dlt645.frame(METER, 0x91, ENERGY + VALUE)
    echo = dlt645.frame(METER, 0x11, ENERGY)
    other = dlt645.frame("123456789013", 0x91, ENERGY + VALUE)
    short = dlt645.frame(METER, 0x91, ENERGY[:3])
    damaged = answer[:-3] + b"\x99" + answer[-2:]
    for frames, heard in (
        ((b"",), dlt645.NOTHING),
        ((echo,), dlt645.NOTHING),
        ((b"\xfe\x00\x68\x01",), dlt645.NOTHING),
        ((other,), dlt645.OTHERS),
        ((short, other), dlt645.OTHERS),  # the last of them
        ((other, short, echo), dlt645.BROKEN),
        ((damaged,), dlt645.BROKEN),
        ((damaged, other), dlt645.OTHERS),
        ((answer[:-1],), dlt645.BROKEN),
    ):
        exchange = asking(0x00010000)
        assert exchange.take(b"".join(frames)) is None
        assert exchange.heard == heard, frames
        exchange.listen()
        assert exchange.heard == dlt645.NOTHING


def test_what_is_still_needed_is_told_whatever_the_pieces():
    answer = b"\xfe\xfe" + dlt645.frame(METER, 0x91, ENERGY + VALUE)
    for size in range(1, len(answer)):
        exchange = asking(0x00010000)
        exchange.listen()
        taken = 0
        while taken < len(answer):
            piece = answer[taken : taken + size]
            result = exchange.receive(piece + b"\x68", len(piece))
            taken += size
            if taken < len(answer):
                assert 1 <= result <= len(answer) - taken, (size, taken, result)
        assert result == dlt645.COMPLETE, size
        assert exchange.values() == [12345678]
    # More frames than the decoder has room for, in one piece.
    exchange = asking(0x00010000)
    other = dlt645.frame(METER, 0x92, bytes(200))
    assert exchange.take(other * 5 + answer + other) == dlt645.COMPLETE


def test_an_item_that_is_none_is_asked_for_from_its_first_part_on():
    whoever = "A" * 12
    exchange = asking(0x0001FF00, address=whoever)
    block = b"\x00\xff\x01\x00"
    assert take(exchange, 0xB1, block + VALUE) == dlt645.ASK
    assert sent(exchange)[:2] == (METER, 0x12)
    # What comes behind it, still to that question, is not taken for a first part.
    broken = dlt645.frame(METER, 0x92, block + b"\xaa" * 4 + b"\x01")
    late = dlt645.frame(METER, 0x92, block + VALUE + b"\x01")
    assert exchange.take(broken + late) is None
    assert exchange.length == 0
    assert sent(exchange) == (whoever, 0x11, block)
    assert take(exchange, 0x91, block + VALUE) == dlt645.COMPLETE


def test_an_item_that_is_none_every_time_comes_to_an_end():
    block, bad = b"\x00\xff\x01\x00", b"\xaa" * 4
    exchange = asking(0x0001FF00)
    for time in range(3):
        assert take(exchange, 0xB1, block + VALUE) == dlt645.ASK
        sent(exchange)
        result = take(exchange, 0x92, block + bad + b"\x01")
        assert (result, exchange.heard) == (None if time < 2 else dlt645.SPOILED, dlt645.BROKEN)
        assert sent(exchange) == (METER, 0x11, block)
    # The next item is another matter.
    exchange.begin(2007, METER, 0x0001FF00)
    sent(exchange)
    take(exchange, 0xB1, block + VALUE)
    sent(exchange)
    assert take(exchange, 0x92, block + bad + b"\x01") is None


def test_a_part_that_is_only_ever_repeated_comes_to_an_end():
    # 1997: silence to 02H, and 03H repeats what is here already, which says that more follows.
    exchange = asking(0xB611, 1997, form=(dlt645.RAW, 40, False))
    part = b"\x11\xb6" + VALUE
    assert take(exchange, 0xA1, part) == dlt645.ASK
    results = []
    while len(results) < 9 and dlt645.SPOILED not in results:
        assert sent(exchange)[1] == 0x02
        exchange.lost()
        assert sent(exchange)[1] == 0x03
        results.append(take(exchange, 0xA3, part))
    assert results == [dlt645.ASK, dlt645.ASK, dlt645.SPOILED]


def test_an_item_is_whole_when_the_part_behind_it_is_refused_or_never_comes():
    # The meter had only an event to report: it says so by the bit for more.
    block = b"\x00\xff\x01\x00"
    for identifier, head, part, values in (
        (0x0001FF00, block, VALUE + VALUE, [12345678, 12345678]),
        (0x0001FF00, block, VALUE + VALUE[:2], None),  # no whole value
        (0x0001FF00, block, VALUE + b"\xaa" * 4, None),  # nor any
        (0x0001FF00, block, VALUE * 49, None),  # all that a frame has room for
        (0x0E000000, b"\0\0\0\x0e", VALUE, None),  # not in the tables
    ):
        for refusal in (b"\x02", None):
            exchange = asking(identifier, size=400)
            assert not exchange.settle()
            assert take(exchange, 0xB1, head + part) == dlt645.ASK
            assert sent(exchange)[1] == 0x12
            if refusal:
                settled = take(exchange, 0xD2, refusal) == dlt645.COMPLETE
                assert exchange.error == (0 if settled else 2)
            else:
                settled = exchange.settle()
            assert settled == (values is not None) == exchange.event_pending, part
            assert not settled or exchange.values() == values


def test_an_item_of_more_values_than_usual_needs_but_a_longer_list():
    holidays = b"\xff\x00\x03\x04"
    exchange = Exchange(1040, 254)
    exchange.begin(2007, METER, 0x040300FF)
    for part in range(6):
        count = (49, 48, 48, 48, 48, 13)[part]
        sent(exchange)
        control = (0xB1 if part == 0 else 0xB2) if part < 5 else 0x92
        result = take(exchange, control, holidays + VALUE * count + bytes((part,))[:part])
    assert result == dlt645.COMPLETE
    assert exchange.values() == ["12345678"] * 254


def test_follow_up_with_another_sequence_number_is_not_taken():
    v = VECTORS["v079"]
    exchange = asking(0x00010000, 2007, v["addr"], 400)
    exchange.begin(2007, v["addr"], 0x00010000, (dlt645.RAW, 0, False))
    assert take(exchange, 0xB1, ENERGY + VALUE, v["addr"]) == dlt645.ASK
    assert sent(exchange) == (v["addr"], 0x12, ENERGY + b"\x01")
    progress = exchange.take(binascii.unhexlify(v["frame_hex"]))
    assert (progress, exchange.verdict) == (None, dlt645.OTHER_SEQUENCE)
    exchange.lost()
    assert sent(exchange) == (v["addr"], 0x12, ENERGY + b"\x01")
    assert take(exchange, 0x92, ENERGY + b"\xaa\x01", v["addr"]) == dlt645.COMPLETE
    assert exchange.values() == [VALUE + b"\xaa"]


def test_report_status_word_in_place_of_a_follow_up_ends_a_complete_item():
    v = VECTORS["v082"]
    exchange = asking(0x0001FF00, 2007, v["addr"])
    block = b"\x00\xff\x01\x00"
    assert take(exchange, 0xB1, block + VALUE + VALUE, v["addr"]) == dlt645.ASK
    sent(exchange)
    progress = exchange.take(binascii.unhexlify(v["frame_hex"]))
    assert progress == dlt645.COMPLETE
    assert exchange.event_pending
    assert exchange.values() == [12345678, 12345678]


def test_item_in_parts_is_asked_for_part_by_part():
    exchange = asking(0x03300801, size=300)
    head = b"\x01\x08\x30\x03"
    assert sent(exchange) == (METER, 0x11, head)
    assert take(exchange, 0xB1, head + bytes(196)) == dlt645.ASK
    assert sent(exchange) == (METER, 0x12, head + b"\x01")
    assert take(exchange, 0x92, head + b"\x07" * 104 + b"\x01") == dlt645.COMPLETE
    assert exchange.values() == [bytes(196) + b"\x07" * 104]
    small = asking(0x03300801, size=100)
    assert take(small, 0xB1, head + bytes(196)) is None
    assert small.heard == dlt645.BROKEN
    # Nor is there room for every number of values.
    narrow = Exchange(room=1)
    narrow.begin(2007, METER, 0x0001FF00)
    sent(narrow)
    assert take(narrow, 0x91, b"\x00\xff\x01\x00" + VALUE + VALUE) is None


def test_damage_beside_any_part_of_an_item_or_in_its_place_is_noise_until_the_next_item():
    exchange = asking(0x03300801, size=300)
    head = b"\x01\x08\x30\x03"
    first = dlt645.frame(METER, 0xB1, head + bytes(196))
    last = dlt645.frame(METER, 0x92, head + b"\x07" * 104 + b"\x01")
    for before, damage, noisy in (
        (b"", b"", False),
        (b"\xfe\xfe", b"", False),
        (b"\xfe\xf6", b"", True),
        (b"", last[:-3], True),
    ):
        exchange.begin(2007, METER, 0x03300801)
        sent(exchange)
        assert exchange.take(before + first) == dlt645.ASK
        sent(exchange)
        assert exchange.take(damage) is None
        exchange.lost()
        sent(exchange)
        assert exchange.take(last) == dlt645.COMPLETE
        assert exchange.noisy == noisy, (before, damage)
    exchange.begin(2007, METER, 0x03300801)
    assert not exchange.noisy


def test_silence_and_others_answers_are_no_noise():
    exchange = asking(0x00010000)
    for heard in (b"", dlt645.frame("000000000013", 0x91, ENERGY + VALUE)):
        assert exchange.take(heard) is None
        exchange.lost()
        sent(exchange)
    assert take(exchange, 0x91, ENERGY + VALUE) == dlt645.COMPLETE
    assert not exchange.noisy


def test_what_stands_behind_an_identifier_is_asked_once():
    exchange = Exchange()
    head, extra = b"\x01\x00\x03\x06", b"\x02\x30\x10\x01\x08\x26"
    exchange.begin(2007, METER, 0x06030001, None, extra)
    assert sent(exchange) == (METER, 0x11, head + extra)
    exchange.lost()
    assert sent(exchange) == (METER, 0x11, head + extra)
    record = b"\xa0\xa0\x0d" + extra[1:] + b"\x00\x10" * 4 + b"\x5a\xe5"
    assert take(exchange, 0xB1, head + record) == dlt645.ASK
    assert sent(exchange) == (METER, 0x12, head + b"\x01")
    assert take(exchange, 0x92, head + record + b"\x01") == dlt645.COMPLETE
    assert exchange.values() == ["2608011030", 1000, 1000, 1000, 1000] * 2
    # No record there; and the next item has nothing behind it.
    exchange.begin(2007, METER, 0x06030001, None, extra)
    sent(exchange)
    assert take(exchange, 0x91, head) == dlt645.COMPLETE and exchange.values() == []
    exchange.begin(2007, METER, 0x00010000)
    assert sent(exchange) == (METER, 0x11, ENERGY)
    raises(ValueError, exchange.begin, 2007, METER, 0x06030001, None, bytes(7))


def test_a_range_of_load_records_is_a_count_and_a_time():
    assert load_range(12) == b"\x12"
    assert load_range(1, (2026, 8, 1, 10, 30, 59)) == b"\x01\x30\x10\x01\x08\x26"
    for count, time in ((0, None), (100, None), (True, None), (1, (2026, 2, 29, 0, 0, 0))):
        raises(ValueError, load_range, count, time)


def test_1997_asks_with_its_own_functions():
    exchange = asking(0x901F, 1997)
    assert sent(exchange) == (METER, 0x01, b"\x1f\x90")
    assert take(exchange, 0xA1, b"\x1f\x90" + VALUE) == dlt645.ASK
    assert sent(exchange) == (METER, 0x02, b"\x1f\x90")
    exchange.lost()
    assert sent(exchange) == (METER, 0x03, b"\x1f\x90")
    assert take(exchange, 0x83, b"\x1f\x90" + b"\x01\x00\x00\x00") == dlt645.COMPLETE
    assert exchange.values() == [12345678, 1]


def test_own_format_overrides_the_tables():
    exchange = asking(0xB630, 1997)
    assert take(exchange, 0x81, b"\x30\xb6\x34\x56\x92") == dlt645.COMPLETE
    assert exchange.values() == [925634]
    exchange = asking(0xB630, 1997, form=(dlt645.BITS, 4, False))
    assert take(exchange, 0x81, b"\x30\xb6\x00\x00\x00\x80") == dlt645.COMPLETE
    assert exchange.values() == [0x80000000]
    exchange = asking(0xB630, 1997, form=(dlt645.SIGNED, 3, False))
    assert take(exchange, 0x81, b"\x30\xb6\x34\x56\x92") == dlt645.COMPLETE
    assert exchange.values() == [-125634]
    for wrong in (
        (0, 2, False),
        (9, 2, False),
        (dlt645.SIGNED, 0, False),
        (dlt645.SIGNED, 5, False),
        (dlt645.TEXT, 201, False),
        (dlt645.SIGNED, 2),
    ):
        raises(ValueError, exchange.begin, 2007, METER, 0x00010000, wrong)
    raises(TypeError, exchange.begin, 2007, METER, 0x00010000, 3)


def test_arguments_that_cannot_be_are_refused():
    decoder = dlt645.Decoder()
    exchange = dlt645.Exchange(16, decoder, [None])
    raises(ValueError, exchange.begin, 2008, METER, 0x00010000)
    raises(ValueError, exchange.begin, 2007, "12", 0x00010000)
    raises(ValueError, exchange.request, bytearray(11))
    raises(ValueError, exchange.request, bytearray(40), 17)
    raises(ValueError, exchange.request, bytearray(40), -1)
    for count in (-1, 4):
        raises(ValueError, exchange.receive, b"123", count)
    raises(TypeError, exchange.receive, "123", 3)
    for size in (0, -1, 4097):
        raises(ValueError, dlt645.Exchange, size, decoder)
    raises(TypeError, dlt645.Exchange, 16, exchange)
    raises(TypeError, dlt645.Exchange, 16, decoder, (None,))
    raises(TypeError, dlt645.Exchange, 16)
    for name in ("verdict", "error", "other"):
        raises(AttributeError, setattr, exchange, name, 1)
    message = raises(ValueError, dlt645.values, 2007, 0x00010000, b"123")
    assert message == "identifier 00010000 cannot have 3 bytes"
    for edition, identifier, limit in (
        (2007, -1, "identifier outside 0..FFFFFFFF"),
        (2007, 0x100010000, "identifier outside 0..FFFFFFFF"),
        (1997, 0x00010000, "identifier of 1997 outside 0..FFFF"),
    ):
        assert raises(ValueError, dlt645.values, edition, identifier, b"") == limit
        assert raises(ValueError, dlt645.item, edition, identifier) == limit
        assert raises(ValueError, exchange.begin, edition, METER, identifier) == limit
        assert raises(ValueError, exchange.expect, edition, METER, 0, identifier) == limit


def test_answers_to_other_requests_are_judged_and_give_their_data():
    exchange = Exchange(16)
    exchange.expect(2007, METER, 0x17)
    for control, data, verdict in (
        (0x97, b"\x20", dlt645.ANSWER),
        (0xD7, b"\x08", dlt645.REFUSED),
        (0x17, b"\x20", dlt645.ECHO),
        (0x94, b"", dlt645.OTHER_FUNCTION),
        (0x97, b"\x20\x20", dlt645.BAD_LENGTH),
    ):
        assert exchange.judged(dlt645.frame(METER, control, data)) == verdict, control
        assert exchange.verdict == verdict
        assert exchange.data() == (data if verdict == dlt645.ANSWER else b"")
        assert exchange.error == (8 if verdict == dlt645.REFUSED else 0)
    other = dlt645.frame("123456789013", 0x97, b"\x20")
    assert exchange.judged(other) == dlt645.OTHER_METER
    exchange.expect(2007, "AAAAAAAAAAAA", 0x03, 0x070000FF)
    answer = dlt645.frame(METER, 0x83, b"\xff\0\0\x07" + VALUE)
    assert exchange.judged(answer) == dlt645.ANSWER
    assert exchange.data() == VALUE
    other = dlt645.frame(METER, 0x83, b"\xff\1\0\x07" + VALUE)
    assert exchange.judged(other) == dlt645.OTHER_IDENTIFIER
    # And then it reads again.
    exchange.begin(2007, METER, 0x00010000)
    assert sent(exchange) == (METER, 0x11, ENERGY)
    assert take(exchange, 0x91, ENERGY + VALUE) == dlt645.COMPLETE


def test_what_cannot_be_expected_is_refused():
    exchange = Exchange(16)
    for control in (-1, 0x20, 0x91):
        raises(ValueError, exchange.expect, 2007, METER, control)
    raises(ValueError, exchange.expect, 2008, METER, 0x14)
    raises(ValueError, exchange.expect, 2007, "12", 0x14)
    raises(ValueError, exchange.judge)
    exchange.expect(2007, METER, 0x03)
    longer = dlt645.frame(METER, 0x83, bytes(17))
    assert raises(ValueError, exchange.judged, longer) == "answer longer than size"


def test_item_tells_how_it_is_read():
    assert dlt645.item(2007, 0x00010000) == (dlt645.UNSIGNED, 4, -2, "kWh", False)
    assert dlt645.item(2007, 0x02020100) == (dlt645.SIGNED, 3, -3, "A", False)
    assert dlt645.item(2007, 0x0201FF00) == (dlt645.UNSIGNED, 2, -1, "V", True)
    assert dlt645.item(2007, 0x02070100)[3] == "\u00b0"
    assert dlt645.item(2007, 0x04000403) == (dlt645.TEXT, 32, 0, "", False)
    assert dlt645.item(1997, 0xB611) == (dlt645.UNSIGNED, 2, 0, "V", False)
    assert dlt645.item(2007, 0xFFFFFFFF) is None
    assert dlt645.values(2007, 0xFFFFFFFF, b"\x01\xff") == (b"\x01\xff",)


def test_reading_an_item_allocates_nothing():
    into = [None] * 10
    exchange = dlt645.Exchange(64, dlt645.Decoder(), into)
    buffer = bytearray(40)
    block = dlt645.frame(METER, 0xB1, b"\x00\xff\x01\x00" + VALUE + VALUE)
    rest = dlt645.frame(METER, 0x92, b"\x00\xff\x01\x00" + VALUE + b"\x01")
    count = 0
    gc.collect()
    gc.disable()
    try:
        before = gc.mem_alloc()
        for _ in range(50):
            exchange.begin(2007, METER, 0x0001FF00)
            exchange.request(buffer, 4)
            exchange.listen()
            exchange.receive(block, len(block))
            exchange.request(buffer, 4)
            exchange.listen()
            exchange.receive(rest, 5)
            exchange.cut()
            if exchange.receive(rest, len(rest)) == dlt645.COMPLETE and exchange.error == 0:
                count += exchange.count
        after = gc.mem_alloc()
    finally:
        gc.enable()
    assert count == 150, count
    assert into[:3] == [12345678] * 3
    assert after - before == 0, after - before
