# SPDX-License-Identifier: MIT
# From journal to messages. Run by MicroPython, from the root of the repository.

import json

import flash
from concentrator import payloads, records
from concentrator.feed import Feed
from concentrator.journal import EVENT, READING, Journal

DEVICE = "a1b2c3d4e5f6"
EPOCH = 7
SLOT = 1788220800
ITEMS = ["energy.forward.total", "voltage.a", "current.a"]
SCALES = [-2, -1, -3]


def fresh(blocks=16, block_size=1024):
    log = Journal(flash.Flash(blocks, block_size))
    log.mount(EPOCH)
    log.set_context(0, records.pack_task("load15", ITEMS, SCALES))
    log.set_context(1, records.pack_task("daily", ITEMS[:1], SCALES[:1]))
    return log


def read_meter(log, meter, task=0, slot=SLOT, clock=1, values=(1234567, 2301, None), quality=0):
    buffer = bytearray(100)
    reading = records.Reading(task, meter, slot, meter % 60, clock, quality, values)
    return log.append(READING, buffer, records.pack_reading(reading, buffer))


def feed(log, first=1, end=None, stream=READING):
    return Feed(log, DEVICE, stream, "live", first, end)


def take(source, flush=True):
    batches = []
    while True:
        batch = source.next(flush)
        if batch is None:
            return batches
        check(batch)
        batches.append(batch)


def check(batch):
    # What every batch has: it says in the payload what it says beside it, in compact JSON.
    content = json.loads(batch.payload)
    assert isinstance(batch.payload, bytes)
    assert len(batch.payload) <= 8000
    assert (content["v"], content["device"], content["epoch"]) == (1, DEVICE, EPOCH)
    if "gap" in content:
        assert content["gap"] == [batch.first, batch.first + batch.count - 1]
    else:
        rows = content["rows"] if "rows" in content else content["events"]
        assert content["seq"] == [batch.first, batch.count]
        assert len(rows) == batch.count
        assert 1 <= len(rows) <= 64


def spans(batches):
    return [(batch.first, batch.count) for batch in batches]


def gaps(batches):
    return [json.loads(batch.payload).get("gap") for batch in batches]


def covered(batches):
    numbers = []
    for batch in batches:
        numbers += range(batch.first, batch.first + batch.count)
    return numbers


# --- Form --------------------------------------------------------------------------------------


def test_a_batch_of_readings_has_the_form_of_the_contract():
    log = fresh()
    read_meter(log, 1)
    read_meter(log, 2, values=(88120, 2298, 0))
    read_meter(log, 3, values=(None, None, None), quality=21)
    batch = feed(log).next(True)
    assert (batch.stream, batch.kind, batch.first, batch.count) == (READING, "live", 1, 3)
    assert json.loads(batch.payload) == {
        "v": 1,
        "device": DEVICE,
        "epoch": EPOCH,
        "seq": [1, 3],
        "task": "load15",
        "slot": SLOT,
        "clock": 1,
        "items": ITEMS,
        "scale": SCALES,
        "rows": [
            [1, 1, 0, 1234567, 2301, None],
            [2, 2, 0, 88120, 2298, 0],
            [3, 3, 21] + [None] * 3,
        ],
    }
    for part in (
        b'"seq":[1,3]',
        b'"items":["energy.forward.total","voltage.a","current.a"]',
        b'"rows":[[1,1,0,1234567,2301,null],[2,2,0,88120,2298,0],[3,3,21,null,null,null]]}',
    ):
        assert part in batch.payload, batch.payload
    assert b" " not in batch.payload
    assert b"\n" not in batch.payload


def test_what_meters_had_frozen_is_history_at_once():
    log = fresh()
    read_meter(log, 1)
    read_meter(log, 2, quality=2)
    read_meter(log, 3, quality=2)
    read_meter(log, 4)
    batches = take(feed(log))
    assert [(batch.kind, batch.count) for batch in batches] == [
        ("live", 1),
        ("hist", 2),
        ("live", 1),
    ]


def test_a_batch_of_events_carries_them_as_they_were_written():
    log = fresh()
    events = [b'[1788220800,1,"boot",{"journal":7}]', b'[1788220801,1,"uplink.online",{}]']
    for event in events:
        log.append(EVENT, event)
    batch = feed(log, stream=EVENT).next(True)
    assert (batch.stream, batch.first, batch.count) == (EVENT, 1, 2)
    content = json.loads(batch.payload)
    assert content == {
        "v": 1,
        "device": DEVICE,
        "epoch": EPOCH,
        "seq": [1, 2],
        "events": [json.loads(event) for event in events],
    }
    assert b",".join(events) in batch.payload


def test_a_gap_has_the_form_of_the_contract():
    payload = payloads.gap(DEVICE, EPOCH, "reading", 3, 9)
    assert json.loads(payload) == {
        "v": 1,
        "device": DEVICE,
        "epoch": EPOCH,
        "stream": "reading",
        "gap": [3, 9],
        "why": "ring",
    }
    assert b" " not in payload


# --- Cutting -----------------------------------------------------------------------------------


def test_batches_hold_at_most_64_rows():
    log = fresh()
    for meter in range(150):
        read_meter(log, meter)
    assert spans(take(feed(log))) == [(1, 64), (65, 64), (129, 22)]


def test_batches_hold_at_most_8000_bytes():
    log = fresh(8, 4096)
    log.set_context(0, records.pack_task("t" * 24, ["energy.forward.rate4"] * 8, [-2] * 8))
    for meter in range(200):
        read_meter(log, meter, values=[-(2**62) - meter] * 8)
    batches = take(feed(log))
    assert covered(batches) == list(range(1, 201))
    assert len(batches[0].payload) > 7600, len(batches[0].payload)


def test_batches_of_events_hold_at_most_8000_bytes_in_any_script():
    log = fresh(10, 4096)
    letters = b"\xe6\x9c\x8d\xe5\x8a\xa1" * 36  # Chinese: three bytes a letter
    for n in range(100):
        log.append(EVENT, b'[%d,1,"%s"]' % (SLOT + n, letters))
    batches = take(feed(log, stream=EVENT))
    assert covered(batches) == list(range(1, 101))
    assert len(batches[0].payload) > 7000, len(batches[0].payload)


def test_a_batch_has_one_task_one_slot_and_one_clock():
    log = fresh()
    kinds = [(0, SLOT, 1), (1, SLOT, 1), (1, SLOT + 900, 1), (1, SLOT + 900, 2), (0, SLOT, 1)]
    for task, slot, clock in kinds:
        for meter in (1, 2, 3):
            read_meter(log, meter, task, slot, clock)
    batches = take(feed(log))
    assert spans(batches) == [(1, 3), (4, 3), (7, 3), (10, 3), (13, 3)]
    names = ["load15", "daily"]
    for batch, (task, slot, clock) in zip(batches, kinds):
        content = json.loads(batch.payload)
        assert (content["task"], content["slot"], content["clock"]) == (names[task], slot, clock)


def test_readings_keep_the_task_that_they_were_made_for():
    log = fresh()
    read_meter(log, 1, task=1, values=[5])
    log.set_context(1, records.pack_task("daily", ITEMS[1:2], [-3]))
    read_meter(log, 2, task=1, values=[6])
    batches = take(feed(log))
    assert spans(batches) == [(1, 1), (2, 1)]
    tasks = [json.loads(batch.payload) for batch in batches]
    assert [t["items"] for t in tasks] == [ITEMS[:1], ITEMS[1:2]]
    assert [t["scale"] for t in tasks] == [[-2], [-3]]


def test_an_open_batch_is_given_only_on_flush():
    log = fresh()
    source = feed(log)
    assert source.next(False) is None
    assert source.next(True) is None
    for meter in range(63):
        read_meter(log, meter)
        assert source.next(False) is None
    read_meter(log, 63)
    assert source.next(False).count == 64  # full
    read_meter(log, 64)
    assert source.next(False) is None
    read_meter(log, 1, slot=SLOT + 900)
    assert spans([source.next(False)]) == [(65, 1)]  # another slot has begun
    assert source.next(False) is None
    assert spans([source.next(True)]) == [(66, 1)]
    assert source.next(True) is None


# --- What to send ------------------------------------------------------------------------------


def test_what_was_acknowledged_is_left_out():
    log = fresh()
    for meter in range(40):
        read_meter(log, meter)
    log.acknowledge(READING, 1, 5)
    log.acknowledge(READING, 11, 10)
    log.acknowledge(READING, 39, 2)
    assert spans(take(feed(log))) == [(6, 5), (21, 18)]
    assert spans(take(feed(log, 15, 25))) == [(21, 4)]


def test_what_is_acknowledged_while_a_feed_is_under_way_is_left_out_too():
    log = fresh()
    for meter in range(200):
        read_meter(log, meter)
    source = feed(log)
    assert spans([source.next(False)]) == [(1, 64)]
    log.acknowledge(READING, 100, 50)
    assert spans([source.next(False)]) == [(65, 35)]
    log.acknowledge(READING, 140, 30)
    assert spans(take(source)) == [(170, 31)]


def test_live_and_backlog_give_every_record_exactly_once():
    for border in (1, 2, 64, 65, 100, 129, 150):
        log = fresh()
        for meter in range(1, border):
            read_meter(log, meter % 64, slot=SLOT + meter // 64)
        live = feed(log, log.next(READING))
        backlog = feed(log, log.cursor(READING), log.next(READING))
        given = []
        for n in range(150):
            read_meter(log, n % 64, slot=SLOT + 900 + n // 64)
            # As the uplink does: live before backlog, and acknowledged some time later.
            for batch in (live.next(n % 40 == 39), backlog.next(True) if n % 8 == 0 else None):
                if batch is not None:
                    check(batch)
                    given.append(batch)
            if given and n % 5 == 0:
                log.acknowledge(READING, given[-1].first, given[-1].count)
        given += take(live) + take(backlog)
        assert sorted(covered(given)) == list(range(1, border + 150)), border
        assert gaps(given) == [None] * len(given)


def test_a_backlog_ends_at_its_border_without_a_flush():
    log = fresh()
    for meter in range(10):
        read_meter(log, meter)
    backlog = feed(log, 1, 8)
    assert spans([backlog.next(False)]) == [(1, 7)]
    assert backlog.next(True) is None


# --- Loss --------------------------------------------------------------------------------------


def oldest(log):
    reader = log.reader(READING)
    reader.seek(1)
    return reader.read()[0]


def test_a_ring_overrun_gives_a_gap_with_the_exact_range():
    log = fresh(4)
    source = feed(log)
    for n in range(300):
        read_meter(log, n % 64, slot=SLOT + n // 64)
    first = oldest(log)
    batches = take(source)
    assert gaps(batches)[0] == [1, first - 1]
    assert gaps(batches)[1:] == [None] * (len(batches) - 1)
    assert covered(batches) == list(range(1, 301))


def test_an_overrun_in_the_middle_of_a_batch_gives_batch_gap_batch():
    log = fresh(4)
    source = feed(log)
    for n in range(10):
        read_meter(log, n)
    assert source.next(False) is None  # ten rows are held, the batch is open
    for n in range(300):
        read_meter(log, n % 64, slot=SLOT + n // 64)
    batches = take(source)
    assert spans(batches[:2]) == [(1, 10), (11, oldest(log) - 11)]
    assert gaps(batches)[1] == [11, oldest(log) - 1]
    assert covered(batches) == list(range(1, 311))


def test_a_backlog_that_is_lost_to_its_border_is_one_gap_up_to_it():
    log = fresh(4)
    for n in range(20):
        read_meter(log, n)
    border = log.next(READING)
    live = feed(log, border)
    backlog = feed(log, 5, border)
    for n in range(300):
        read_meter(log, n % 64, slot=SLOT + 900 + n // 64)
    first = oldest(log)
    assert first > border
    batches = take(backlog)
    assert gaps(batches) == [[5, border - 1]]
    batches = take(live)
    assert gaps(batches)[0] == [border, first - 1]
    assert covered(batches) == list(range(border, 321))


def test_a_gap_in_the_middle_costs_no_other_record():
    device = flash.Flash(8, 1024)
    log = Journal(device)
    log.mount(EPOCH)
    log.set_context(0, records.pack_task("load15", ITEMS, SCALES))
    for n in range(150):
        read_meter(log, n % 64, slot=SLOT + n // 64)
    device.damage(1, 600)
    batches = take(feed(log))
    lost = [gap for gap in gaps(batches) if gap]
    assert len(lost) == 1, lost
    assert covered(batches) == list(range(1, 151))


def test_a_record_that_nobody_understands_becomes_a_gap_and_stops_nothing():
    log = fresh()
    read_meter(log, 1)
    read_meter(log, 2, task=9)  # of which there is no context
    log.append(READING, b"short")
    read_meter(log, 4)
    batches = take(feed(log))
    assert gaps(batches) == [None, [2, 3], None]
    assert covered(batches) == [1, 2, 3, 4]
    log.append(EVENT, b"\xff\xfe")
    log.append(EVENT, b"[]")
    assert gaps(take(feed(log, stream=EVENT))) == [[1, 1], None]


def test_acknowledgements_that_the_journal_had_to_forget_are_asked_for_again():
    log = fresh()
    for n in range(60):
        read_meter(log, 1, slot=SLOT + 900 * n)  # a batch each
    source = feed(log)
    batches = take(source)
    for batch in batches[1::2]:  # thirty ranges ahead of the cursor
        log.acknowledge(READING, batch.first, batch.count)
    for batch in batches[::2]:
        log.acknowledge(READING, batch.first, batch.count)
    assert log.cursor(READING) < log.next(READING)
    for _ in range(60):
        if not source.recheck():
            break
        for batch in take(source):
            log.acknowledge(READING, batch.first, batch.count)
    assert log.cursor(READING) == log.next(READING)


def test_recheck_leaves_an_open_batch_alone():
    log = fresh()
    source = feed(log)
    for meter in range(1, 11):
        read_meter(log, meter)
    assert source.next(False) is None
    assert not source.recheck()
    assert covered(take(source)) == list(range(1, 11))
