# What the bytes of an answer mean, and the catalogue of items that rests on it.

import binascii

import dlt645
from concentrator import items, quality
from concentrator.items import Catalogue
from concentrator.protocols import dlt645_1997, dlt645_2007
from concentrator.protocols.dlt645 import ReadTransaction, decode
from concentrator.protocols.names import all_names, locate
from fakes import Settings, raises

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
                assert text == "identifier %08X cannot have %d bytes" % (di, length), text


def test_an_item_may_have_any_number_of_values():
    assert decode(0x033000FF, bytes(500)) == (("0" * 12,) + ("0" * 8,) * 11) * 10
    for elements, size in ((8, 413), (9, 461), (13, 653)):  # total and rates
        assert len(decode(0x0506FF01, bytes(size))) == 9 + 12 * elements
    assert decode(0x0101FFFF, bytes(8 * 65)) == (0, "0" * 10) * 65
    assert decode(0x040300FF, bytes(4 * 254)) == ("0" * 8,) * 254


def test_text_is_a_str_whatever_the_meter_fills_it_with():
    for data, text in (
        (b"100000-TESSA", "ASSET-000001"),
        (b"\xff" * 20 + b"100000-TESSA", "ASSET-000001"),
        (b"\x00" * 20 + b"100000-TESSA", "ASSET-000001"),
        (b"\n\rB\x80A", "A?B??"),
        (b"\xff" * 32, None),
        (b"\x01\x80\n", None),
    ):
        filled = bytes(32 - len(data)) + data
        assert decode(0x04000403, filled) == (text,), data


def test_a_block_is_divided_by_the_length_of_its_values():
    for count in (1, 2, 5, 9, 13, 49):
        data = b"".join(bcd("%08d" % (100 * i)) for i in range(count))
        assert decode(0x0001FF00, data) == tuple(100 * i for i in range(count))
    data = bcd("00000001") + b"\xff\xff\xff\xff" + bcd("00000003")
    assert decode(0x0001FF00, data) == (1, None, 3)


def test_the_data_may_be_a_memoryview():
    assert decode(0x02010100, memoryview(bcd("2301"))) == (2301,)


def test_an_unknown_identifier_gives_its_bytes():
    for di in (0x9F10, 0x02010000, 0xFFFFFFFF):
        assert decode(di, b"\x01\xff") == (b"\x01\xff",)


def test_nothing_recorded_is_no_value_and_a_block_in_doubt_is_none():
    for di in (0x06000001, 0x06040001, 0x06100501):
        assert decode(di, b"") == ()
    # Sixteen bytes are class 4 or 5, and nothing says which.
    record = b"\xa0\xa0\x00" + bcd("2608011030") + bcd("00000001") * 4 + b"\x00\xe5"
    assert decode(0x06040001, record) == decode(0x06050001, record) == ("2608011030", 1, 1, 1, 1)
    raises(ValueError, decode, 0x06000001, record)


def test_identifiers_of_both_editions():
    assert decode(0x9010, bcd("00000036")) == (36,)
    assert decode(0xB611, bcd("0220")) == (220,)
    assert decode(0xC032, bcd("201708176934")) == ("201708176934",)
    assert decode(0x0000FF00, bcd("80000001")) == (-1,)
    demand = bcd("012345") + bcd("2608011030")
    assert decode(0x01010000, demand) == (12345, "2608011030")


# --- The catalogue ----------------------------------------------------------------------------


def place(name, edition=2007):
    found = Catalogue().place(name, edition)
    return found and (found.identifier, found.index, found.factor)


def test_items_have_their_identifiers_in_both_editions():
    for name, new, old in (
        ("energy.forward.total", 0x00010000, 0x9010),
        ("energy.forward.rate4", 0x00010400, 0x9014),
        ("energy.reverse.total", 0x00020000, 0x9020),
        ("energy.reactive.q2.total", 0x00060000, 0x9150),
        ("energy.reactive.q4.total", 0x00080000, 0x9140),
        ("energy.combined.total", 0x00000000, None),
        ("energy.reactive.forward.total", None, 0x9110),
        ("energy.a.forward.total", 0x00150000, None),
        ("energy.c.apparent.reverse.total", 0x00460000, None),
        ("energy.b.harmonic.reverse.total", 0x00AC0000, None),
        ("energy.forward.total@1", 0x00010001, 0x9410),
        ("energy.forward.rate1@2", 0x00010102, 0x9811),
        ("energy.forward.total@12", 0x0001000C, None),
        ("demand.forward.total", 0x01010000, 0xA010),
        ("demand.forward.total@1", 0x01010001, 0xA410),
        ("clock.date", 0x04000101, 0xC010),
        ("voltage.c", 0x02010300, 0xB613),
        ("power.active.total", 0x02030000, 0xB630),
        ("power.factor.b", 0x02060200, 0xB652),
        ("voltage.ab", None, 0xB691),
        ("harmonic.voltage.b.21", 0x020A0215, None),
        ("prepaid.amount.remaining", 0x00900200, None),
        ("status.3", 0x04000503, None),
        ("count.programming", 0x03300000, 0xB212),
        ("count.phase_break.b", 0x03040000, 0xB312),
        ("record.under_voltage.a.1", 0x03020101, None),
        ("record.over_voltage.b.10", 0x0303020A, None),
        ("record.phase_break.c.2", 0x03040302, None),
        ("record.overload.c.10", 0x030F030A, None),
        ("record.demand_exceeded.forward.1", 0x03120101, None),
        ("record.demand_exceeded.reactive.q4.10", 0x0312060A, None),
        ("voltage.quality.c", 0x03100300, None),
        ("mode.freeze.moment", 0x04000903, None),
        ("mode.freeze.month", 0x04000907, None),
        ("mode.running", 0x04001101, None),
        ("number.meter", 0x04000402, 0xC032),
    ):
        assert (place(name) or (None,))[0] == new, name
        assert (place(name, 1997) or (None,))[0] == old, name


def test_counts_and_minutes_of_events_stand_in_one_answer():
    for name, identifier, index in (
        ("count.voltage_loss.a", 0x03010000, 0),
        ("minutes.voltage_loss.a", 0x03010000, 1),
        ("count.phase_break.b", 0x03040000, 2),
        ("minutes.phase_break.c", 0x03040000, 5),
        ("count.current_loss.c", 0x030B0000, 4),
        ("minutes.over_current.b", 0x030C0000, 3),
        ("count.current_break.a", 0x030D0000, 0),
        ("minutes.reversal.a", 0x030E0000, 1),
        ("minutes.overload.c", 0x030F0000, 5),
        ("count.voltage_sequence", 0x03070000, 0),
        ("minutes.current_sequence", 0x03080000, 1),
        ("count.voltage_unbalance", 0x03090000, 0),
        ("minutes.current_unbalance", 0x030A0000, 1),
        ("count.demand_exceeded.forward", 0x03120000, 0),
        ("count.demand_exceeded.reactive.q4", 0x03120000, 5),
    ):
        assert place(name) == (identifier, index, 1), name
        unit = "min" if name.startswith("minutes") else ""
        assert Catalogue().unit(name) == unit, name
        assert Catalogue().is_number(name), name


def test_records_of_events_have_the_size_of_the_standard():
    for di, size in (
        (0x03010101, 131),
        (0x03020101, 131),
        (0x0303020A, 131),
        (0x03040305, 131),
        (0x03120101, 20),
    ):
        assert decode(di, bytes(size)) == (bytes(size),), hex(di)
        raises(ValueError, decode, di, bytes(size - 1))


def test_items_of_freezes_stand_in_their_blocks():
    assert place("energy.forward.total@day1") == (0x05060101, 0, 1)
    assert place("energy.forward.rate3@day62") == (0x0506013E, 3, 1)
    assert place("energy.reactive.q4.total@day2") == (0x05060802, 0, 1)
    assert place("energy.reverse.total@hour254") == (0x050402FE, 0, 1)
    assert place("energy.forward.total@moment3") == (0x05010103, 0, 1)
    assert place("freeze.time@day1") == (0x05060001, 0, 1)
    assert place("freeze.all@hour1") == (0x0504FF01, 0, 1)
    assert place("power.active.total@day1") == (0x05061001, 0, 1)
    assert place("power.reactive.c@timed60") == (0x0500103C, 7, 1)
    assert Catalogue().unit("power.reactive.c@timed60") == "kvar"
    assert place("demand.reverse.rate2@day1") == (0x05060A01, 4, 1)
    assert place("demand.reverse.rate2.time@day1") == (0x05060A01, 5, 1)


def test_a_meter_that_counts_in_larger_steps_gives_the_same_scale():
    assert place("voltage.a", 1997) == (0xB611, 0, 10)
    assert place("current.a", 1997) == (0xB621, 0, 10)
    assert place("power.reactive.total", 1997) == (0xB640, 0, 100)
    assert place("power.active.total", 1997) == (0xB630, 0, 1)


def test_names_that_mean_nothing_are_not_known():
    for name in (
        "",
        "energy",
        "energy.forward",
        "energy.forward.rate0",
        "energy.forward.rate64",
        "energy.forward.rate01",
        "energy.forward.total@",
        "energy.forward.total@0",
        "energy.forward.total@13",
        "energy.forward.total@day0",
        "energy.forward.total@day63",
        "energy.forward.total@day",
        "energy.forward.total@year1",
        "energy.forward.rate1@hour1",
        "energy.reactive.q1.total@hour1",
        "demand.forward.total@hour1",
        "power.active.total@hour1",
        "power.active.total@1",
        "freeze.time",
        "energy.apparent.forward.total@day1",
        "energy.a.combined.total",
        "energy.forward.total.time",
        "demand.combined.total",
        "demand.associated.total",
        "voltage",
        "voltage.d",
        "voltage.total",
        "voltage.a@1",
        "harmonic.voltage.a.22",
        "harmonic.voltage.a.0",
        "count.voltage_loss",
        "count.voltage_loss.d",
        "count.voltage_loss.ab",
        "count.voltage_loss.a.1",
        "count.overload.a@1",
        "record.overload.a",
        "record.overload.a.0",
        "record.overload.a.11",
        "record.overload.1",
        "record.demand_exceeded.1",
        "frequency 02800002",
        "current\nvoltage",
    ):
        raises(KeyError, Catalogue().scale, name)
        raises(KeyError, Catalogue().place, name, 2007)


def test_every_name_is_read_with_a_format_of_the_tables():
    catalogue = Catalogue()
    names = items.names()
    assert len(names) > 500, len(names)
    assert names == sorted(set(names))
    for name in names:
        places = [catalogue.place(name, edition) for edition in (2007, 1997)]
        assert places != [None, None], name
        assert -4 <= catalogue.scale(name) <= 0, name
        assert isinstance(catalogue.unit(name), str), name
        for found in places:
            # A whole number of steps: nothing is lost by giving it in the item's scale.
            assert found is None or found.factor in (1, 10, 100), name
    for name, unit, number in (
        ("energy.forward.total", "kWh", True),
        ("energy.reactive.q1.total", "kvarh", True),
        ("demand.reactive.q1.total", "kvar", True),
        ("demand.forward.total.time", "", False),
        ("minutes.voltage_loss.c", "min", True),
        ("count.voltage_loss.c", "", True),
        ("status.1", "", True),
        ("number.asset", "", False),
        ("record.cover_opened.1", "", False),
    ):
        assert (catalogue.unit(name), catalogue.is_number(name)) == (unit, number), name


def test_different_names_are_different_items():
    for table in (dlt645_2007, dlt645_1997):
        seen = set()
        for name in all_names(table):
            identifier, index = locate(name, table)
            if dlt645.item(table.EDITION, identifier, index):
                place = identifier << 8 | index
                assert place not in seen, name
                seen.add(place)
        assert len(seen) > 100, table.EDITION


def test_blocks_hold_the_items_that_belong_to_them():
    for table in (dlt645_2007, dlt645_1997):
        blocks = 0
        for name in all_names(table):
            identifier, index = locate(name, table)
            described = dlt645.item(table.EDITION, identifier, index)
            found = described and table.block(identifier)
            if not found:
                continue
            blocks += 1
            block, first = found
            in_block = dlt645.item(table.EDITION, block, first + index)
            assert in_block[:4] == described[:4] and in_block[4], (name, hex(block))
            assert table.block(block) is None, name
        assert blocks > 50, blocks
    assert dlt645_2007.block(0x00010400) == (0x0001FF00, 4)
    assert dlt645_2007.block(0x01010201) == (0x0101FF01, 4)
    assert dlt645_2007.block(0x02010300) == (0x0201FF00, 2)
    assert dlt645_2007.block(0x02030300) == (0x0203FF00, 3)
    assert dlt645_2007.block(0x04000503) == (0x040005FF, 2)
    assert dlt645_2007.block(0x02800002) is None
    assert dlt645_1997.block(0x9014) == (0x901F, 4)
    assert dlt645_1997.block(0xB613) == (0xB61F, 2)
    assert dlt645_1997.block(0xB633) == (0xB63F, 3)
    assert dlt645_1997.block(0xB634) is None
    assert dlt645_1997.block(0xC010) is None


def test_the_documentation_lists_every_item():
    with open("docs/items.md") as file:
        text = file.read()
    catalogue = Catalogue()
    rows = 0
    for line in text.split("\n"):
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != 8 or not cells[1].startswith("`"):
            continue
        rows += 1
        name = cells[1].split("`")[1]
        assert catalogue.unit(name) == cells[2], name
        for edition, cell in ((2007, cells[5]), (1997, cells[6])):
            found = catalogue.place(name, edition)
            identifier, _, value = cell.partition(" value ")
            listed = (int(identifier, 16), int(value or 1) - 1) if cell else None
            assert (found and (found.identifier, found.index)) == listed, (name, edition)
    assert rows > 150, rows
    for name in items.names():
        if stands_for_itself(name):
            assert "`%s`" % name in text, name


def stands_for_itself(name):
    # Rates, phases and times are listed as what may be added to a name.
    parts = name.split(".")
    if parts[0] in ("count", "minutes", "record", "harmonic"):
        return "b" not in parts and "c" not in parts
    added = ("a", "b", "c", "time", "rate1", "rate2", "rate3", "rate4")
    return not any(part in added for part in parts[1:])


def own(**fields):
    item = {"name": "mine", "identifier": "02800099", "index": 0, "size": None}
    item.update(kind="unsigned", scale=0, unit="")
    item.update(fields)
    return Settings(**item)


def test_a_sites_own_items():
    catalogue = Catalogue([own(size=3, kind="signed", scale=-2, unit="bar")])
    assert (catalogue.unit("mine"), catalogue.scale("mine")) == ("bar", -2)
    assert catalogue.is_number("mine")
    found = catalogue.place("mine", 2007)
    assert (found.identifier, found.index, found.factor) == (0x02800099, 0, 1)
    assert found.form == (dlt645.SIGNED, 3, False)
    assert catalogue.place("mine", 1997) is None
    # A format of the tables, and a value in a block.
    catalogue = Catalogue([own(identifier="B61F", index=2)])
    found = catalogue.place("mine", 1997)
    assert (found.identifier, found.index, found.form) == (0xB61F, 2, None)
    assert catalogue.unit("mine") == "V"
    # Without any format there are only bytes.
    assert not Catalogue([own()]).is_number("mine")


# --- ReadTransaction --------------------------------------------------------------------------


def judged(transaction, address, control, data):
    # What the transaction says of a frame.
    transaction.listen()
    frame = dlt645.frame(address, control, data)
    result = transaction.receive(frame, len(frame))
    return transaction.why_not() if result > 0 else transaction.accept(result)


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
        (quality.GOOD, METER, 0xB1, di + b"\x01\x23"),  # complete: only an event waits
        (quality.REFUSED, METER, 0xD1, b"\x02"),
        (quality.WRONG, "123456789013", 0x91, di + b"\x01\x23"),
        (quality.WRONG, "123456789013", 0xD1, b"\x02"),
        (quality.WRONG, METER, 0x91, b"\x00\x02\x01\x02\x01\x23"),
        (quality.WRONG, METER, 0x92, di + b"\x01\x23"),
        (quality.WRONG, METER, 0x81, b"\x10\x90\x01\x23\x45\x67"),
        (quality.MALFORMED, METER, 0x91, b"\x00\x01\x01"),
        (quality.MALFORMED, METER, 0xD1, b""),
        (quality.MALFORMED, METER, 0xD1, b"\x02\x03"),
        (quality.TIMEOUT, METER, 0x11, di),  # our own echo: nothing
    ):
        transaction.prepare(METER, 0x02010100)
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
