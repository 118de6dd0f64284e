# Who is found on a line, and what it takes. Meters and time are simulated.

import asyncio
import random

from concentrator import quality
from concentrator.protocols.dlt645 import ReadTransaction
from concentrator.scan import Scan
from fakes import meter_frame, raises_async, seeded
from meter_line import Line, Meter

GHOST = "000000000099"


def found(report):
    return sorted([(each.address, each.edition, each.baud) for each in report.found])


async def expect_all(line, bauds=(2400,), **arguments):
    report = await Scan(line.bus).search(bauds, **arguments)
    expected = sorted([(meter.filled, meter.edition, meter.baud) for meter in line.meters])
    assert found(report) == expected, (found(report), expected)
    assert not report.unresolved, report.unresolved
    assert not report.babbling
    return report


# --- Who is found -----------------------------------------------------------------------------


async def test_one_alone_is_found_by_greetings_with_its_energy_and_model():
    line = Line([Meter("202411050017")])
    report = await expect_all(line)
    assert (report.found[0].energy, report.found[0].model) == (12345678, "DDT-8")
    assert not report.found[0].known
    assert report.questions == 5


async def test_nobody_is_nobody():
    line = Line([])
    report = await Scan(line.bus).search((2400, 9600))
    assert (report.found, report.unresolved, report.babbling) == ([], [], [])
    assert report.questions == 10


async def test_all_speeds_and_editions_are_told_apart():
    seeded()
    line = Line(
        [
            Meter("202411050017"),
            Meter("202411050018"),
            Meter("000000001234", 1997),
            Meter("000000009934", 1997),
            Meter("000000000005", 2007, 9600),
            Meter("000000000006", 1997, 1200),
        ]
    )
    await expect_all(line, (2400, 9600, 1200, 4800))
    assert line.bus.baud == 2400


async def test_addresses_that_differ_only_above_are_found_level_by_level():
    seeded()
    line = Line([Meter("000000000017"), Meter("000000010017"), Meter("990000000017")])
    await expect_all(line)


async def test_a_full_line_is_found_and_nothing_is_written():
    seeded()
    addresses = {"%012d" % (202400000000 + random.randrange(10**8)) for _ in range(48)}
    line = Line([Meter(address) for address in addresses])
    await expect_all(line)
    assert line.functions == {0x11, 0x13, 0x01}


async def test_collisions_that_are_only_damaged_characters_are_told_apart():
    for delays in ((40, 40), (40, 60)):
        line = Line([Meter("000000000017"), Meter("111111111118")])
        line.damages = True
        line.meters[0].delay_ms, line.meters[1].delay_ms = delays
        await expect_all(line)


async def test_answers_one_after_the_other_are_both_taken():
    line = Line([Meter("000000000017"), Meter("000000000018")])
    line.meters[1].delay_ms = 400
    await expect_all(line)


async def test_a_meter_that_answers_no_reading_at_the_wildcard_is_found():
    seeded()
    line = Line([Meter("000000000017"), Meter("000000000018")])
    line.meters[0].deaf_to = (("A" * 12, 0x11),)
    await expect_all(line)
    line.meters[1].deaf_to = (("A" * 12, 0x11),)
    await expect_all(line)


async def test_a_meter_of_1997_that_answers_only_everybodys_address_is_found():
    line = Line([Meter("000000000017", 1997)])
    line.meters[0].deaf_to = (("A" * 12, 0x01),)
    line.meters[0].hears_broadcast = True
    await expect_all(line)


async def test_a_meter_of_1997_that_fills_its_number_up_is_found_as_it_answers():
    line = Line([Meter("000012345678", 1997)])
    line.meters[0].filled = "AAAA12345678"
    await expect_all(line)


async def test_a_meter_that_answers_with_the_wildcard_is_searched_for():
    line = Line([Meter("000000000017")])
    line.meters[0].echoes_wildcard = True
    await expect_all(line)


async def test_a_meter_that_answers_no_wildcard_is_found_thoroughly_or_in_a_range():
    def line():
        shy = Meter("000000000017")
        shy.deaf_to = (("A" * 12, 0x11), ("A" * 12, 0x13))
        return Line([shy])

    report = await Scan(line().bus).search((2400,))
    assert report.found == []
    await expect_all(line(), thorough=True)
    there = line()
    there.meters[0].hears_short = False
    report = await Scan(there.bus).try_between("000000000011", "000000000020", (2400, 9600))
    assert found(report) == [("000000000017", 2007, 2400)]
    assert report.questions == 4 * 10 - 3  # once found it is not asked any more


async def test_a_range_that_is_none_asks_nothing():
    line = Line([])
    for first, last in (
        ("000000000002", "000000000001"),
        ("1", "2"),
        ("AAAAAAAAAAAA", "AAAAAAAAAAAA"),
    ):
        await raises_async(ValueError, Scan(line.bus).try_between(first, last))
    await raises_async(ValueError, Scan(line.bus).search((2400,), (2013,)))
    assert line.questions == 0


async def test_meters_that_are_known_are_told_as_known_and_not_read():
    seeded()
    line = Line([Meter("000000000017"), Meter("000012345678", 1997, 1200)])
    line.meters[1].filled = "AAAA12345678"
    scan = Scan(line.bus, ("000000000017", "000012345678"))
    report = await scan.search((2400, 1200))
    assert [(each.known, each.energy) for each in report.found] == [(True, None)] * 2
    assert ("000000000017", 0x11) not in line.asked


async def test_those_that_cannot_be_told_apart_are_told():
    seeded()
    twins = [Meter("000000000017"), Meter("000000000017")]
    twins[1].delay_ms = 50
    report = await Scan(Line(twins).bus).search((2400,), (2007,))
    assert (report.found, report.unresolved) == ([], [(2400, 2007, "000000000017")])
    stubborn = [Meter("000000000017"), Meter("000000000018")]
    stubborn[0].hears_short = stubborn[1].hears_short = False
    report = await Scan(Line(stubborn).bus).search((2400,), (2007,))
    assert (report.found, report.unresolved) == ([], [(2400, 2007, "AAAAAAAAAAAA")])


# --- What it takes ----------------------------------------------------------------------------


async def test_time_outs_are_as_short_as_the_slowest_answer_allows():
    seeded()

    async def takes_ms(*delays):
        line = Line([Meter("000000000017"), Meter("000000000018")], timeout_ms=1000)
        line.meters[0].delay_ms, line.meters[1].delay_ms = delays
        await expect_all(line, editions=(2007,))
        return line.time.ms

    quick, slow = await takes_ms(20, 40), await takes_ms(20, 900)
    assert quick < 60000, quick
    assert slow > 100000, slow


async def test_damage_behind_the_last_answer_counts_for_the_time_out():
    line = Line([Meter("000000000017"), Meter("000000000018")])
    line.damages = True
    line.meters[0].delay_ms, line.meters[1].delay_ms = 10, 600
    line.meters[1].deaf_to = (("A" * 12, 0x13),)  # so one answer is early and whole
    await expect_all(line, editions=(2007,))
    assert line.time.ms > 70000, line.time.ms


async def test_progress_is_told_and_never_beyond_the_whole():
    seeded()
    line = Line([Meter("000000000017"), Meter("000000000018")])
    told = []
    scan = Scan(line.bus, on_progress=lambda *progress: told.append(progress))
    await scan.search((2400, 9600))
    assert told[0] == (0, 2400, 2007, "AAAAAAAAAAAA")
    assert told[3] == (0, 2400, 2007, "AAAAAAAAAA01")
    assert told[-1][1:] == (9600, 1997, "AAAAAAAAAAAA")
    assert all(0 <= percent < 100 for percent, _, _, _ in told)
    assert told[-1][0] > 75


async def test_a_meter_is_told_as_soon_as_it_is_found():
    line = Line([Meter("000000000017"), Meter("000000000018", 2007, 9600)])
    told = []
    scan = Scan(line.bus, on_found=lambda each: told.append((each.address, line.questions)))
    await scan.search((2400, 9600))
    assert told == [("000000000017", 3), ("000000000018", 10)], told


# --- Beside others ----------------------------------------------------------------------------


async def test_others_have_their_turn_after_every_question_at_their_own_speed():
    seeded()
    line = Line([Meter("000000000001"), Meter("000000000017", 2007, 9600)])
    line.meters += [Meter("000000000018", 2007, 9600)]
    scanning = asyncio.create_task(Scan(line.bus).search((9600,)))
    transaction = ReadTransaction(2)
    transaction.prepare("000000000001", 0x00010000)
    read = 0
    while not scanning.done():
        asked = line.questions
        async with line.bus.turns:
            assert line.questions <= asked + 1
            assert line.bus.baud == 2400
            assert await line.bus.exchange(transaction) == quality.GOOD
        read += 1
    assert found(await scanning) == [
        ("000000000017", 2007, 9600),
        ("000000000018", 2007, 9600),
    ]
    assert read > 100
    assert line.bus.failed == 0


async def test_a_cancelled_scan_leaves_the_bus_as_it_was_and_keeps_what_it_found():
    seeded()
    for pauses in (1, 2, 10, 100, 700, 1500):
        line = Line([Meter("000000000001"), Meter("000000000017", 2007, 9600)])
        scan = Scan(line.bus)
        scanning = asyncio.create_task(scan.search((9600, 2400), thorough=True))
        for _ in range(pauses):
            await asyncio.sleep_ms(0)
        scanning.cancel()
        await raises_async(asyncio.CancelledError, scanning)
        assert line.bus.baud == 2400
        line.coming.clear()
        transaction = ReadTransaction(2)
        transaction.prepare("000000000001", 0x00010000)
        assert await line.bus.exchange(transaction) == quality.GOOD
    assert found(scan.report) == [("000000000017", 2007, 9600)]


async def test_our_own_echo_is_nobody():
    line = Line([Meter("000000000017")])
    line.echo = True
    await expect_all(line)


async def test_babble_now_and_then_hides_nobody_and_finds_nobody():
    seeded()
    line = Line([Meter("000000000017"), Meter("000000000018")])
    hear = line.hear

    def with_babble(baud, wire):
        hear(baud, wire)
        if not random.randrange(8):
            at = line.time.ms + random.randrange(300)
            line.coming += [(at + i, random.getrandbits(8)) for i in range(20)]
            line.coming.sort(key=lambda each: each[0])

    line.hear = with_babble
    report = await Scan(line.bus).search((2400,), (2007,))
    assert [each[0] for each in found(report)] == ["000000000017", "000000000018"]
    assert report.questions < 200, report.questions  # it did not pass for a crowd


async def test_an_answer_that_nobody_stands_behind_is_no_meter():
    line = Line([])
    hear = line.hear

    def with_ghost(baud, wire):
        if not line.questions:
            line.coming = [(line.time.ms + 200, byte) for byte in meter_frame(GHOST, 0, b"")]
        hear(baud, wire)

    line.hear = with_ghost
    report = await Scan(line.bus).search((2400,), (2007,))
    assert (report.found, report.unresolved) == ([], [(2400, 2007, "AAAAAAAAAAAA")])


async def test_a_line_that_babbles_is_given_up():
    line = Line([Meter("000000000017")])

    def babble(buffer):
        for i in range(8):
            buffer[i] = random.getrandbits(8)
        return 8

    line.bus._port.readinto = babble
    report = await Scan(line.bus).search((2400,))
    assert report.babbling == [(2400, 2007), (2400, 1997)]
    assert report.questions == 4


async def test_a_line_that_answers_noise_to_everything_is_given_up():
    seeded()
    line = Line([])

    def noise(baud, wire):
        line.coming += [(line.time.ms + 100, random.getrandbits(8)) for _ in range(20)]

    line.hear = noise
    report = await Scan(line.bus).search((2400,), (2007,))
    assert report.babbling == [(2400, 2007)]
    assert report.questions < 120


async def test_an_answer_that_is_late_is_taken_at_the_next_question():
    line = Line([Meter("000000000017"), Meter("000000000018")])
    line.meters[1].deaf_to = (("A" * 12, 0x11), ("A" * 12, 0x13))
    line.meters[1].delay_ms = 690
    line.meters[0].delay_ms = 10
    report = await Scan(line.bus).search((2400,), (2007,), thorough=True)
    assert len(report.found) == 2
