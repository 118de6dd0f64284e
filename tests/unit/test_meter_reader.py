# Which transactions a meter is read with, and what becomes of its answers.

import dlt645
import micropython
from concentrator import items, plan, quality
from concentrator.items import Catalogue
from concentrator.meter_reader import MeterReader, Row
from concentrator.meters import Meters
from concentrator.plausibility import History
from concentrator.protocols.dlt645 import ReadTransaction
from fakes import Settings

ADDRESS = "000000000012"
METER = Settings(
    number=12, address=ADDRESS, bus=1, protocol="dlt645-2007", max_power=100, baud=None
)
VOLTAGES = ["voltage.a", "voltage.b", "voltage.c"]
A, B, C, BLOCK = 0x02010100, 0x02010200, 0x02010300, 0x0201FF00
ANSWERS = {A: b"\x01\x23", B: b"\x02\x23", C: b"\x03\x23", BLOCK: b"\x01\x23\x02\x23\x03\x23"}
NO_SUCH_DATA = b"\x02"
LOCKED = b"\x04"


class Site:
    # Two meters and the rows of some tasks; `answers` {identifier: data or quality} of whoever is
    # asked, and what they were asked for.

    def __init__(self, *tasks, answers=ANSWERS):
        catalogue = Catalogue()
        self.answers = dict(answers)
        self.asked = []
        self.wake_up = b"\xfe"  # before the next answer
        names = [name for task in tasks for name in task]
        rules = [catalogue.rule(name) for name in names]
        edition = items.EDITIONS[METER.protocol]
        wanted = []
        for row, task in enumerate(tasks):
            for item, name in enumerate(task):
                place = catalogue.place(name, edition)
                wanted.append((place, row, item, names.index(name)))
        self.steps = plan.make(wanted, items.blocks(edition))
        self.rows = [Row(len(task)) for task in tasks]
        history = History([100, 100], [rules])
        history.begin(1788220800)
        self.reader = MeterReader(ReadTransaction(4), Meters([METER, METER]), history, self.rows)

    def read(self, meter=0, **how):
        # [(quality, values)] of the rows, and the identifiers that were asked for.
        self.asked = []
        for row in self.rows:
            row.clear()
        self.reader.begin(meter, self.steps, **how)
        while self.reader.next():
            self.reader.take(self.exchange(self.reader.transaction))
        return [(row.quality, row.values) for row in self.rows], self.asked

    def exchange(self, transaction):
        request = bytes(transaction.request[: transaction.request_size])
        wire = dlt645.parse(request)[2]
        identifier = int.from_bytes(wire[:4], "little")
        self.asked.append(identifier)
        answer = self.answers.get(identifier, quality.TIMEOUT)
        if isinstance(answer, list):
            answer = answer.pop(0)
        if not isinstance(answer, bytes):
            return answer
        refused = len(answer) == 1
        data = answer if refused else wire[:4] + answer
        frame = self.wake_up + dlt645.frame(ADDRESS, 0xD1 if refused else 0x91, data)
        self.wake_up = b"\xfe"
        transaction.listen()
        result = transaction.receive(frame, len(frame))
        return transaction.why_not() if result > 0 else transaction.accept(result)


def test_a_block_gives_all_its_items_in_one_transaction():
    good = [(quality.GOOD, [2301, 2302, 2303])]
    assert Site(VOLTAGES).read() == (good, [BLOCK])
    # In whatever order and tasks they are wanted.
    good = [(quality.GOOD, [2303]), (quality.GOOD, [2302, 2303])]
    assert Site(["voltage.c"], ["voltage.b", "voltage.c"]).read() == (good, [BLOCK])


def test_a_refused_block_is_read_item_by_item_and_not_asked_for_again():
    site = Site(
        VOLTAGES, answers={A: ANSWERS[A], B: ANSWERS[B], C: ANSWERS[C], BLOCK: NO_SUCH_DATA}
    )
    good = [(quality.GOOD, [2301, 2302, 2303])]
    assert site.read() == (good, [BLOCK, A, B, C])
    assert site.read() == (good, [A, B, C])
    # That is one meter's; and not for ever.
    assert site.read(meter=1) == (good, [BLOCK, A, B, C])
    site.reader.forget_refusals()
    assert site.read() == (good, [BLOCK, A, B, C])


def test_a_block_refused_for_another_reason_is_asked_for_again():
    site = Site(VOLTAGES, answers={A: ANSWERS[A], B: ANSWERS[B], C: ANSWERS[C], BLOCK: LOCKED})
    good = [(quality.GOOD, [2301, 2302, 2303])]
    assert site.read() == (good, [BLOCK, A, B, C])
    site.answers[BLOCK] = ANSWERS[BLOCK]
    assert site.read() == (good, [BLOCK])


def test_a_meter_that_knows_no_blocks_may_say_so_by_silence():
    site = Site(VOLTAGES, answers={A: ANSWERS[A], B: ANSWERS[B], C: ANSWERS[C]})
    good = [(quality.GOOD, [2301, 2302, 2303])]
    for _ in range(3):  # once may be chance
        assert site.read() == (good, [BLOCK, A, B, C])
    assert site.read() == (good, [A, B, C])


def test_an_answer_that_is_lost_now_and_then_does_not_end_the_reading_of_blocks():
    site = Site(VOLTAGES)
    good = [(quality.GOOD, [2301, 2302, 2303])]
    for _ in range(4):
        site.answers[BLOCK] = [quality.TIMEOUT, quality.TIMEOUT, ANSWERS[BLOCK]]
        assert site.read() == (good, [BLOCK, A, B, C])
        assert site.read() == (good, [BLOCK, A, B, C])
        assert site.read() == (good, [BLOCK])


def test_an_item_that_is_never_answered_costs_the_others_nothing():
    silent = 0x02800002
    for task, values in (
        (["frequency", "voltage.a"], [None, 2301]),
        (["voltage.a", "frequency"], [2301, None]),
    ):
        site = Site(task, answers={A: ANSWERS[A]})
        for _ in range(3):
            row, asked = site.read()
            assert row == [(quality.TIMEOUT, values)]
            assert sorted(asked) == [A, silent]
            assert site.reader.answered
        assert site.read() == ([(quality.REFUSED, values)], [A])


def test_a_silent_meter_is_not_taken_for_one_that_knows_no_blocks():
    site = Site(VOLTAGES, ["frequency"], answers={})
    silent = [(quality.TIMEOUT, [None] * 3), (quality.TIMEOUT, [None])]
    for _ in range(5):
        assert site.read() == (silent, [BLOCK, A])
        assert not site.reader.answered
    # With caution it costs one time-out, and a meter that knows no blocks is found all the same.
    assert site.read(cautious=True, chances=1) == (silent, [A])
    site.answers = dict(ANSWERS)
    assert site.read()[1][0] == BLOCK


def test_a_meter_that_falls_silent_in_the_middle_is_asked_once_more_and_no_longer():
    site = Site(["voltage.a", "frequency", "current.a", "power.active.total"])
    row, asked = site.read()
    assert row == [(quality.TIMEOUT, [2301, None, None, None])]
    assert asked == [A, 0x02800002, 0x02020100]


def test_a_block_that_is_no_good_is_read_item_by_item():
    for answer in (b"\x01\x23\x02", quality.MALFORMED, quality.WRONG):
        site = Site(VOLTAGES)
        site.answers[BLOCK] = answer
        assert site.read() == ([(quality.GOOD, [2301, 2302, 2303])], [BLOCK, A, B, C])


def test_a_block_may_have_fewer_values_than_are_wanted():
    site = Site(VOLTAGES)
    site.answers[BLOCK] = b"\x01\x23"
    assert site.read() == ([(quality.GOOD, [2301, None, None])], [BLOCK])


def test_an_item_that_a_meter_does_not_have_is_a_reason_and_is_not_asked_for_again():
    site = Site(["frequency", "voltage.a"], answers={A: ANSWERS[A], 0x02800002: NO_SUCH_DATA})
    refused = [(quality.REFUSED, [None, 2301])]
    assert site.read() == (refused, [0x02800002, A])
    assert site.read() == (refused, [A])
    site.reader.forget_refusals()
    assert site.read() == (refused, [0x02800002, A])


def test_an_odd_value_in_a_block_has_the_block_read_twice():
    site = Site(VOLTAGES)
    site.read()
    site.answers[BLOCK] = [b"\x01\x23\x02\x13\x03\x23", ANSWERS[BLOCK]]
    assert site.read() == ([(quality.GOOD, [2301, 2302, 2303])], [BLOCK, BLOCK])
    # Two that do not agree: the reading is marked.
    site.answers[BLOCK] = [b"\x01\x23\x02\x13\x03\x23", b"\x01\x23\x02\x33\x03\x23"]
    assert site.read() == ([(quality.SUSPECT, [2301, 3302, 2303])], [BLOCK, BLOCK])
    # No second one: the first, marked.
    site.answers[BLOCK] = [b"\x01\x23\x02\x13\x03\x23", quality.TIMEOUT]
    assert site.read() == ([(quality.SUSPECT, [2301, 1302, 2303])], [BLOCK, BLOCK])


def test_an_answer_with_damage_beside_it_is_read_twice_and_its_values_with_it():
    site = Site(VOLTAGES)
    good = [(quality.GOOD, [2301, 2302, 2303])]
    none = b"\xff\xff" * 3
    for first, second, reading in (
        (ANSWERS[BLOCK], ANSWERS[BLOCK], good),
        (b"\x01\x23\x02\x23\x02\x23", ANSWERS[BLOCK], good),  # what does not look odd
        (none, ANSWERS[BLOCK], good),
        (none, none, [(quality.GOOD, [None] * 3)]),
        (ANSWERS[BLOCK], none, [(quality.SUSPECT, [2301, 2302, 2303])]),
        (ANSWERS[BLOCK], quality.TIMEOUT, [(quality.SUSPECT, [2301, 2302, 2303])]),
    ):
        site.answers[BLOCK] = [first, second]
        site.wake_up = b"\xfe\xee"
        assert site.read() == (reading, [BLOCK, BLOCK])
    site.answers[BLOCK] = ANSWERS[BLOCK]
    assert site.read() == (good, [BLOCK])


def energies(*values):
    return b"".join(bytes(reversed(bytes.fromhex("%08d" % value))) for value in values)


def test_energies_whose_total_is_not_the_sum_of_all_rates_are_read_twice():
    block = 0x0001FF00
    site = Site(["energy.forward.total", "energy.forward.rate1"])
    right = energies(100000, 50000, 20000, 20000, 10000)
    good = [(quality.GOOD, [100000, 50000])]
    site.answers[block] = right
    assert site.read() == (good, [block])
    # A rate that nobody wants shows it as well.
    for wrong in ((100008, 50000, 20000, 20000, 10000), (100000, 50000, 20000, 20008, 10000)):
        site.answers[block] = [energies(*wrong), right]
        assert site.read() == (good, [block, block])
    # Two that agree are believed, and the meter is not judged by its sum any more.
    other = energies(100020, 50000, 20000, 20000, 10000)
    site.answers[block] = [other, other, other]
    good = [(quality.GOOD, [100020, 50000])]
    assert site.read() == (good, [block, block])
    assert site.read() == (good, [block])
    # Two that do not are not.
    site.answers[block] = right
    site.read()
    site.answers[block] = [energies(*wrong), energies(107000, 50000, 20000, 20000, 10000)]
    assert site.read() == ([(quality.SUSPECT, [107000, 50000])], [block, block])


def test_a_transaction_takes_nothing_from_the_heap():
    site = Site(["energy.forward.total", "energy.forward.rate1"], VOLTAGES, ["frequency"])
    site.answers[0x0001FF00] = energies(1000, 500, 200, 200, 100)
    site.answers[0x02800002] = b"\x00\x50"
    site.read()
    reader = site.reader
    transaction = reader.transaction
    block = energies(1000, 500, 200, 200, 108)
    answers = [
        dlt645.frame(ADDRESS, 0x91, identifier.to_bytes(4, "little") + data)
        for identifier, data in (
            (0x0001FF00, block),
            (BLOCK, ANSWERS[BLOCK]),
            (0x02800002, site.answers[0x02800002]),
        )
    ]
    answers[1] = b"\xfe\x00" + answers[1]
    asked = 0

    def read():
        # The energies are no sum, and the voltages noisy: both are read twice.
        nonlocal asked
        asked = 0
        while reader.next():
            answer = answers[asked // 2]
            transaction.listen()
            reader.take(transaction.accept(transaction.receive(answer, len(answer))))
            asked += 1

    reader.begin(0, site.steps)
    micropython.heap_lock()
    try:
        read()
    finally:
        micropython.heap_unlock()
    assert asked == 5
