# What the bytes of an answer mean, and the catalogue of items that rests on it.

import binascii
import json

import dlt645
from concentrator import items, quality
from concentrator.protocols.dlt645 import ReadTransaction, decode
from fakes import raises

# The identifiers of the table: (bytes a value, kind).
TABLE = {
    0x00010000: (4, "unsigned"),
    0x00010100: (4, "unsigned"),
    0x00010200: (4, "unsigned"),
    0x00010300: (4, "unsigned"),
    0x00010400: (4, "unsigned"),
    0x0001FF00: (4, "unsigned"),
    0x02010100: (2, "unsigned"),
    0x02020100: (3, "signed"),
    0x02030000: (3, "signed"),
    0x04000101: (4, "digits"),
    0x04000102: (3, "digits"),
}
BLOCKS = (0x0001FF00,)
METER = "123456789012"


def of_kind(*kinds):
    return [(di, size) for di, (size, kind) in TABLE.items() if kind in kinds]


def bcd(digits):
    # Wire order: least significant pair first.
    return bytes(reversed(binascii.unhexlify(digits)))


def shifted(text, decimals):
    # "-1.234" times 10 ** decimals as an integer, without floats.
    sign = -1 if text[0] == "-" else 1
    whole, _, fraction = text.lstrip("-").partition(".")
    assert len(fraction) <= decimals
    return sign * int(whole + fraction + "0" * (decimals - len(fraction)))


def test_numbers():
    for di, size in of_kind("unsigned", "signed"):
        digits = "12345678"[: 2 * size]
        assert decode(di, bcd(digits)) == (int(digits),)
        assert decode(di, bytes(size)) == (0,)
        assert decode(di, bcd("00" * (size - 1) + "07")) == (7,)
        assert isinstance(decode(di, bytes(size))[0], int)


def test_unsigned_numbers_use_the_top_digit_up_to_9():
    for di, size in of_kind("unsigned"):
        assert decode(di, bcd("99" * size)) == (int("99" * size),)
        assert decode(di, bcd("80" + "00" * (size - 1))) == (8 * 10 ** (2 * size - 1),)


def test_signed_numbers_are_sign_and_magnitude():
    for di, size in of_kind("signed"):
        assert decode(di, bcd("801234")) == (-1234,)
        assert decode(di, bcd("f99999")) == (-799999,)
        assert decode(di, bcd("799999")) == (799999,)
        assert decode(di, bcd("800000")) == (0,)
        assert size == 3


def test_digits_come_most_significant_first():
    assert decode(0x04000101, bcd("26090102")) == ("26090102",)
    assert decode(0x04000102, bcd("215355")) == ("215355",)


def test_ff_filled_is_not_available():
    for di, (size, _) in TABLE.items():
        assert decode(di, b"\xff" * size) == (None,)


def test_what_is_no_bcd_is_not_available():
    for di, (size, _) in TABLE.items():
        for at in range(size):
            for wrong in (0x0A, 0x1F, 0xA0, 0xC3, 0xFF):
                data = bytearray(bcd("12" * size))
                data[at] = wrong
                signed_top = TABLE[di][1] == "signed" and at == size - 1
                if not (signed_top and wrong in (0xA0, 0xC3)):  # minus 20, minus 43
                    assert decode(di, bytes(data)) == (None,), (hex(di), at, hex(wrong))


def test_wrong_lengths():
    for di, (size, _) in TABLE.items():
        wrong = [0, 1, size - 1, size + 1, 2 * size - 1, 2 * size + 1, 199]
        if di not in BLOCKS:
            wrong += [2 * size, 5 * size]
        for length in wrong:
            if length != size and (length % size or not length or di not in BLOCKS):
                text = raises(ValueError, decode, di, bytes(length))
                assert "%08X" % di in text, text
                assert str(length) in text, text


def test_a_block_is_divided_by_the_length_of_its_values():
    for count in (1, 2, 5, 9, 13, 49):
        data = b"".join(bcd("%08d" % (100 * i)) for i in range(count))
        assert decode(0x0001FF00, data) == tuple(100 * i for i in range(count))
    data = bcd("00000001") + b"\xff\xff\xff\xff" + bcd("00000003")
    assert decode(0x0001FF00, data) == (1, None, 3)


def test_the_data_may_be_a_memoryview():
    assert decode(0x02010100, memoryview(bcd("2301"))) == (2301,)


def test_an_unknown_identifier():
    for di in (0, 0x9010, 0x02010000, 0xFFFFFFFF):
        raises(KeyError, decode, di, bytes(4))


def test_real_answers_decode_to_what_the_meters_showed():
    # Scale and unit of the item, as it is published, must fit the vector's decimal number.
    scales = {items.identifier(name)[0]: items.scale(name) for name in items.names()}
    with open("tests/data/dlt645_vectors.json") as file:
        vectors = json.load(file)
    tried = set()
    for vector in vectors:
        di = int(vector["di"] or "0", 16)
        answers = vector["direction"] == "meter->master" and vector["decoded"]
        if di not in TABLE or not answers or vector["version"] != "2007":
            continue
        data = binascii.unhexlify(vector["data_hex"])
        assert int.from_bytes(data[:4], "little") == di, vector["id"]
        values = decode(di, data[4:])
        expected = vector["decoded"]
        assert len(values) == len(expected), vector["id"]
        for value, entry in zip(values, expected):
            if entry["format"].startswith("hex"):  # a meter's answer that is no BCD
                assert value is None, vector["id"]
            elif TABLE[di][1] == "digits":
                assert value == entry["value"], vector["id"]
            else:
                decimals = len(entry["format"].split(".")[1])
                assert value == shifted(entry["value"], decimals), vector["id"]
                if di in scales:
                    assert scales[di] == -decimals, vector["id"]
        tried.add(vector["id"])
    for needed in ("v009", "v028", "v033", "v037", "v038", "v042", "v043", "v128"):
        assert needed in tried, needed


def test_every_item_is_a_number_of_the_table():
    units = {"energy": "kWh", "voltage": "V", "current": "A", "power": "kW"}
    seen = set()
    for name in items.names():
        di, index = items.identifier(name)
        size, kind = TABLE[di]
        assert kind != "digits", name
        assert index == 0 or di in BLOCKS, name
        assert len(decode(di, bytes(size * (index + 1)))) > index, name
        assert -4 <= items.scale(name) <= 0, name
        assert items.unit(name) == units[name.split(".")[0]], name
        assert (di, index) not in seen, name
        seen.add((di, index))
    assert items.names() == sorted(items.names())
    raises(KeyError, items.identifier, "voltage.x")


# --- ReadTransaction --------------------------------------------------------------------------


def judged(transaction, address, control, data):
    # What the transaction says of a frame.
    transaction.decoder.reset()
    transaction.decoder.feed(dlt645.frame(address, control, data))
    assert transaction.decoder.next()
    return transaction.accept()


def test_a_request_is_the_frame_of_the_standard():
    transaction = ReadTransaction(4)
    transaction.prepare(METER, 0x00010000)
    sent = bytes(transaction.request[: transaction.request_size])
    assert sent == binascii.unhexlify("fefefefe" + "68129078563412681104" + "33333433" + "6816")


def test_answers_are_matched_to_the_request():
    transaction = ReadTransaction(0)
    transaction.prepare(METER, 0x02010100)
    di = b"\x00\x01\x01\x02"
    for expected, address, control, data in (
        (quality.GOOD, METER, 0x91, di + b"\x01\x23"),
        (quality.GOOD, METER, 0xB1, di + b"\x01\x23"),  # more could be asked for
        (quality.REFUSED, METER, 0xD1, b"\x02"),
        (quality.WRONG, "123456789013", 0x91, di + b"\x01\x23"),
        (quality.WRONG, "123456789013", 0xD1, b"\x02"),
        (quality.WRONG, METER, 0x91, b"\x00\x02\x01\x02\x01\x23"),
        (quality.WRONG, METER, 0x92, di + b"\x01\x23"),
        (quality.WRONG, METER, 0x81, b"\x10\x90\x01\x23\x45\x67"),
        (quality.MALFORMED, METER, 0x91, b"\x00\x01\x01"),
        (quality.MALFORMED, METER, 0xD1, b""),
        (quality.MALFORMED, METER, 0xD1, b"\x02\x03"),
        (None, METER, 0x11, di),  # our own echo
    ):
        assert judged(transaction, address, control, data) == expected, (hex(control), data)


def test_values_are_those_of_the_answer_judged_good():
    transaction = ReadTransaction(0)
    transaction.prepare(METER, 0x02010100)
    assert judged(transaction, METER, 0x91, b"\x00\x01\x01\x02\x01\x23") == quality.GOOD
    assert (transaction.count, transaction.value(0)) == (1, 2301)
    judged(transaction, METER, 0xD1, b"\x04")
    assert transaction.error == 4
    transaction.prepare(METER, 0x02010100)
    assert transaction.error == 0
    # Nothing of the last answer is left.
    assert (transaction.count, transaction.value(0)) == (0, None)


def test_a_damaged_digit_is_no_good_answer_but_a_value_the_meter_has_not_is():
    transaction = ReadTransaction(0)
    for value, expected in (
        (b"\x01\x23", quality.GOOD),
        (b"\xff\xff", quality.GOOD),
        (b"\x0b\x23", quality.MALFORMED),
        (b"\xff\x23", quality.MALFORMED),
    ):
        transaction.prepare(METER, 0x02010100)
        assert judged(transaction, METER, 0x91, b"\x00\x01\x01\x02" + value) == expected, value
