"""The receiver counts every record once, and says what is missing."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from host_tools.broker import Broker
from host_tools.receiver import (
    Outcome,
    PayloadError,
    Receiver,
    ReceiverError,
    Store,
    StoreError,
    parse,
)

ROOT_FOLDER = Path(__file__).parents[2]
ROOT = "mr/v1"
DEVICE = "a1b2c3d4e5f6"
EPOCH = 7
SLOT = 1788220800
ITEMS = ["energy.forward.total", "voltage.a", "current.a"]
GOOD, MADE_UP, TIMEOUT = 0, 1, 20


def row(meter: int, quality: int = GOOD, energy: int = 1234567) -> list[int | None]:
    values = [None] * 3 if quality >= TIMEOUT else [energy, 2301, 512]
    return [meter, 12, quality, *values]


def readings(
    first: int, rows: list[list[int | None]], *, slot: int = SLOT, epoch: int = EPOCH
) -> dict[str, Any]:
    return {
        "v": 1,
        "device": DEVICE,
        "epoch": epoch,
        "seq": [first, len(rows)],
        "task": "load",
        "slot": slot,
        "clock": 1,
        "items": ITEMS,
        "scale": [-2, -1, -3],
        "rows": rows,
    }


def gap(first: int, last: int, stream: str = "reading") -> dict[str, Any]:
    return {
        "v": 1,
        "device": DEVICE,
        "epoch": EPOCH,
        "stream": stream,
        "gap": [first, last],
        "why": "ring",
    }


def events(first: int, *names: str) -> dict[str, Any]:
    entries = [[SLOT, 1, name, {"meter": 3}] for name in names]
    head = {"v": 1, "device": DEVICE, "epoch": EPOCH, "seq": [first, len(names)]}
    return {**head, "events": entries}


def birth(epoch: int = EPOCH) -> dict[str, Any]:
    return {
        "v": 1,
        "device": DEVICE,
        "epoch": epoch,
        "firmware": "0.1.0",
        "config": {"version": 1, "hash": "0123abcd"},
        "meters": [[1, "000000000001", 1], [2, "000000000002", 2]],
        "items": {"energy.forward.total": ["kWh", -2]},
        "tasks": [["load", 30, ITEMS]],
    }


def topic(kind: str) -> str:
    return f"{ROOT}/{DEVICE}/up/{kind}"


def add(store: Store, content: dict[str, Any], kind: str = "live") -> Outcome:
    return store.add(parse(ROOT, topic(kind), json.dumps(content).encode()))


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as opened:
        yield opened


# Once and only once


def test_a_redelivered_batch_is_counted_once(store: Store) -> None:
    batch = readings(1, [row(1), row(2), row(3)])
    assert add(store, batch) == Outcome(new=3)
    assert add(store, batch) == Outcome(repeated=3)
    summary = store.summary(DEVICE)
    assert (summary.received, summary.redelivered, summary.duplicated) == (3, 3, 0)


def test_a_batch_sent_again_in_other_pieces_adds_only_what_is_new(store: Store) -> None:
    add(store, readings(1, [row(1), row(2)]))
    assert add(store, readings(2, [row(2), row(3)]), "hist") == Outcome(new=1, repeated=1)
    assert store.summary(DEVICE).received == 3


def test_a_new_epoch_is_not_a_duplicate(store: Store) -> None:
    add(store, readings(1, [row(1)]))
    assert add(store, readings(1, [row(1)], slot=SLOT + 30, epoch=8)) == Outcome(new=1)
    summary = store.summary(DEVICE)
    assert (summary.expected, summary.received, summary.redelivered) == (2, 2, 0)
    assert summary.missing == 0


def test_one_number_with_two_contents_is_a_conflict_and_the_first_stays(store: Store) -> None:
    add(store, readings(1, [row(1, energy=100)]))
    assert add(store, readings(1, [row(1, energy=200)])) == Outcome(conflicting=1)
    assert store.summary(DEVICE).conflicting == 1
    assert store.latest(DEVICE)[1].data[0] == 100


def test_one_fact_under_two_numbers_is_duplicated(store: Store) -> None:
    add(store, readings(1, [row(1), row(2), row(1)]))
    summary = store.summary(DEVICE)
    assert (summary.redelivered, summary.duplicated) == (0, 1)


def test_streams_count_for_themselves(store: Store) -> None:
    add(store, readings(1, [row(1)]))
    add(store, readings(1, [row(1)]), "freeze")
    add(store, events(1, "boot"), "event")
    assert [store.summary(DEVICE, s).received for s in ("reading", "freeze", "event")] == [1, 1, 1]
    assert add(store, events(1, "boot"), "event") == Outcome(repeated=1)
    assert [event.name for event in store.events(DEVICE)] == ["boot"]


# What is missing


def test_a_hole_in_the_sequence_is_reported_missing(store: Store) -> None:
    add(store, readings(3, [row(3), row(4)]))
    add(store, readings(7, [row(7)]))
    assert store.missing(DEVICE) == [(EPOCH, 1, 2), (EPOCH, 5, 6)]
    summary = store.summary(DEVICE)
    assert (summary.expected, summary.received, summary.missing) == (7, 3, 4)
    assert summary.lost == 4


def test_a_hole_that_is_filled_later_is_no_longer_missing(store: Store) -> None:
    add(store, readings(3, [row(3)]))
    add(store, readings(1, [row(1), row(2)]), "hist")
    assert store.missing(DEVICE) == []


def test_a_gap_message_explains_a_hole_but_the_records_stay_lost(store: Store) -> None:
    add(store, readings(1, [row(1)]))
    add(store, readings(10, [row(2)]))
    assert add(store, gap(2, 6), "hist") == Outcome(new=1)
    assert add(store, gap(2, 6), "hist") == Outcome(repeated=1)
    add(store, gap(5, 7), "hist")
    assert store.missing(DEVICE) == [(EPOCH, 8, 9)]
    summary = store.summary(DEVICE)
    assert (summary.missing, summary.reported, summary.lost) == (2, 6, 8)


def test_a_gap_of_events_does_not_explain_missing_readings(store: Store) -> None:
    add(store, readings(3, [row(1)]))
    add(store, gap(1, 2, "event"), "event")
    assert store.missing(DEVICE) == [(EPOCH, 1, 2)]
    assert store.missing(DEVICE, "event") == []


def test_what_the_concentrator_has_written_but_not_sent_is_missing(store: Store) -> None:
    add(store, readings(1, [row(1)]))
    assert store.missing(DEVICE, written={EPOCH: 4}) == [(EPOCH, 2, 4)]
    assert store.summary(DEVICE, written={EPOCH: 4}).lost == 3


def test_a_heartbeat_that_is_behind_hides_nothing(store: Store) -> None:
    add(store, readings(1, [row(1)]))
    add(store, readings(4, [row(4)]))
    summary = store.summary(DEVICE, written={EPOCH: 2})
    assert (summary.expected, summary.lost) == (4, 2)


# Facts


@pytest.mark.parametrize("made_up_comes_first", [False, True])
def test_a_made_up_row_replaces_a_failed_one(store: Store, made_up_comes_first: bool) -> None:
    failed = (readings(1, [row(1, TIMEOUT)]), "live")
    made_up = (readings(2, [row(1, MADE_UP)]), "hist")
    for content, kind in (made_up, failed) if made_up_comes_first else (failed, made_up):
        add(store, content, kind)
    assert store.latest(DEVICE)[1].quality == MADE_UP
    summary = store.summary(DEVICE)
    assert (summary.received, summary.duplicated) == (2, 0)


def test_a_slot_is_complete_when_every_meter_has_a_row_even_a_failed_one(store: Store) -> None:
    add(store, readings(1, [row(1), row(2, TIMEOUT)]))
    add(store, readings(3, [row(1)], slot=SLOT + 30))
    assert store.complete_slots(DEVICE, 2) == 1
    newest, oldest = store.slots(DEVICE)
    assert (newest.slot, newest.meters) == (SLOT + 30, 1)
    assert (oldest.slot, oldest.meters) == (SLOT, 2)


def test_the_latest_reading_of_a_meter_is_that_of_the_newest_slot(store: Store) -> None:
    add(store, readings(1, [row(1, energy=200)], slot=SLOT + 30))
    add(store, readings(2, [row(1, energy=100)]), "hist")
    latest = store.latest(DEVICE)[1]
    assert latest.slot == SLOT + 30
    assert latest.value("energy.forward.total") == pytest.approx(2.0)
    assert latest.value("power.active.total") is None


def test_a_failed_row_says_why_in_words(store: Store) -> None:
    add(store, readings(1, [row(1, TIMEOUT)]))
    latest = store.latest(DEVICE)[1]
    assert (latest.failed, latest.quality_name) == (True, "timeout")
    assert latest.value("voltage.a") is None


def test_readings_made_before_the_clock_was_set_are_kept(store: Store) -> None:
    content = readings(1, [row(1), row(2)])
    del content["slot"]
    add(store, {**content, "up": 95, "clock": 0})
    assert store.summary(DEVICE).received == 2
    assert [(r.slot, r.up) for r in store.records(DEVICE)] == [(None, 95), (None, 95)]
    assert store.slots(DEVICE) == []


# Payloads that break the contract


def without(content: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != key}


BATCH = readings(1, [row(1)])
BROKEN = {
    "a payload cut short": ("live", b'{"v":1,"device"', "not JSON"),
    "bytes that are not text": ("live", b"{\xff\xfe}", "not JSON"),
    "a list": ("live", b"[1,2]", "not a JSON object"),
    "brackets without end": ("live", b"[" * 100_000, "not JSON"),
    "another version": ("live", {**BATCH, "v": 2}, "v is 2"),
    "a device unlike the topic's": ("live", {**BATCH, "device": "0" * 12}, "topic says"),
    "no epoch": ("live", without(BATCH, "epoch"), "epoch is missing"),
    "a count unlike the rows'": ("live", {**BATCH, "seq": [1, 2]}, "announces 2 records"),
    "sequence number 0": ("live", {**BATCH, "seq": [0, 1]}, "out of range"),
    "a sequence number too large": ("live", {**BATCH, "seq": [2**63, 1]}, "out of range"),
    "no rows": ("live", {**BATCH, "seq": [1, 0], "rows": []}, "0 are there"),
    "a slot beyond all dates": ("live", {**BATCH, "slot": 2**62}, "out of range"),
    "a row with too few values": ("live", {**BATCH, "rows": [[1, 12, 0, 5]]}, "a list of 6"),
    "a fraction": ("live", {**BATCH, "rows": [[1, 12, 0, 0.5, 1, 1]]}, "whole number"),
    "true for a number": ("live", {**BATCH, "clock": True}, "whole number"),
    "a scale too few": ("live", {**BATCH, "scale": [0, 0]}, "list of 3"),
    "half a character": ("live", {**BATCH, "task": "\ud800"}, "surrogates"),
    "an unknown kind": ("gossip", BATCH, "live|hist|freeze|event|birth|beat|answer"),
    "a gap that ends early": ("live", gap(5, 4), "last number is 4"),
    "a gap of another stream": ("live", gap(1, 2, "event"), "stream"),
    "an event without name": ("event", {**events(1, "x"), "events": [[1, 1]]}, "[1, 1]"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_payload_is_refused_with_its_reason(name: str) -> None:
    kind, content, reason = BROKEN[name]
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(PayloadError) as caught:
        parse(ROOT, topic(kind), payload)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_newer_firmware_adds_to_a_payload_does_not_hurt(store: Store) -> None:
    add(store, {**BATCH, "mood": "sunny"})
    add(store, {"v": 1, "device": DEVICE, "journal": {"written": {"reading": 9}}}, "beat")
    beat = store.beat(DEVICE)
    assert beat is not None
    assert beat.number("journal", "written", "reading") == 9
    assert beat.number("buses", 0, "good") is None
    add(store, {"id": "u-17", "phase": "done"}, "answer")


# The file


def test_the_store_survives_its_program(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as first:
        add(first, readings(1, [row(1)]))
        add(first, birth(), "birth")
        # Another connection sees it before the store is closed: it is committed.
        other = sqlite3.connect(path)
        assert other.execute("SELECT count(*) FROM record").fetchone() == (1,)
        other.close()
    with Store(path) as second:
        assert add(second, readings(1, [row(1)])) == Outcome(repeated=1)
        assert second.births(DEVICE) == 1


def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear operator, this is not a database.\n" * 50)
    with pytest.raises(StoreError, match="not a database"):
        Store(path)
    assert path.read_text().startswith("Dear operator")


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE something (x)")
    with pytest.raises(StoreError, match="not a store of this version"):
        Store(path)


# With a real broker


class Publisher:
    """A concentrator reduced to its publishing: every publish is acknowledged, or it fails."""

    def __init__(self, port: int) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="publisher")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def publish(self, kind: str, content: dict[str, Any] | bytes) -> None:
        payload = content if isinstance(content, bytes) else json.dumps(content)
        sent = self._client.publish(topic(kind), payload, qos=1)
        sent.wait_for_publish(5)
        assert sent.is_published()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker", keep_sessions=True) as running:
        yield running


def test_malformed_payloads_do_not_stop_the_receiver(broker: Broker, store: Store) -> None:
    with Receiver(store, broker.host, broker.port, ROOT) as receiver:
        publisher = Publisher(broker.port)
        publisher.publish("live", b"{")
        publisher.publish("live", b"\xff\x00")
        publisher.publish("nonsense", BATCH)
        publisher.publish("live", BATCH)
        publisher.close()
        assert receiver.wait_for(lambda: store.summary(DEVICE).received == 1, 5)
        assert receiver.failure is None
    assert len(store.rejected()) == 3
    rejected_topic, reason, payload = store.rejected()[0]
    assert rejected_topic == topic("live")
    assert reason.startswith("the payload is not JSON")
    assert payload == b"{"


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_everything_arrives_across_a_broker_restart(
    broker: Broker, store: Store, how: str
) -> None:
    with Receiver(store, broker.host, broker.port, ROOT) as receiver:
        broker.save()
        publisher = Publisher(broker.port)
        publisher.publish("live", readings(1, [row(1)]))
        assert receiver.wait_for(lambda: store.summary(DEVICE).received == 1, 5)
        publisher.close()
        getattr(broker, how)()
        broker.start()
        # The publisher may well be back before the receiver is.
        publisher = Publisher(broker.port)
        for seq in range(2, 12):
            publisher.publish("live", readings(seq, [row(seq)]))
        publisher.close()
        assert receiver.wait_for(lambda: store.summary(DEVICE).received == 11, 5)
    assert store.missing(DEVICE) == []


def test_what_is_published_while_the_receiver_is_away_is_delivered_later(
    broker: Broker, store: Store
) -> None:
    receiver = Receiver(store, broker.host, broker.port, ROOT)
    receiver.start().stop()
    publisher = Publisher(broker.port)
    publisher.publish("live", BATCH)
    publisher.close()
    with receiver:
        assert receiver.wait_for(lambda: store.summary(DEVICE).received == 1, 5)


def test_what_cannot_be_stored_is_not_acknowledged(broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    store = Store(path)
    receiver = Receiver(store, broker.host, broker.port, ROOT).start()
    store.close()  # stands for a disk that is full
    publisher = Publisher(broker.port)
    publisher.publish("live", BATCH)
    publisher.close()
    deadline = time.monotonic() + 5
    while receiver.failure is None and time.monotonic() < deadline:
        time.sleep(0.01)
    receiver.stop()
    assert receiver.failure is not None
    assert "cannot be written" in receiver.failure
    with Store(path) as again, Receiver(again, broker.host, broker.port, ROOT) as receiver:
        assert receiver.wait_for(lambda: again.summary(DEVICE).received == 1, 5)


def test_a_broker_that_is_not_there_is_named(broker: Broker, store: Store) -> None:
    broker.stop()
    with pytest.raises(ReceiverError) as caught:
        Receiver(store, broker.host, broker.port, ROOT).start()
    assert f"port {broker.port}" in str(caught.value)
    assert "start one" in str(caught.value)


@pytest.mark.parametrize("root", ["", "mr/#", "+/v1", "/mr", "mr/"])
def test_a_topic_root_that_cannot_work_is_refused(store: Store, root: str) -> None:
    with pytest.raises(ValueError, match="topic root"):
        Receiver(store, "127.0.0.1", 1883, root)


def test_the_command_prints_a_line_per_batch_and_a_summary(broker: Broker, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "host_tools.receiver", "--port", str(broker.port)]
    command += ["--store", str(tmp_path / "store.sqlite")]
    process = subprocess.Popen(command, cwd=ROOT_FOLDER, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("receiving mr/v1/+/up/#")
        publisher = Publisher(broker.port)
        publisher.publish("live", readings(1, [row(1), row(2)]))
        assert "live load 2026-09-01T00:00:00Z, 2 rows, seq 1..2" in process.stdout.readline()
        publisher.close()
        process.terminate()
        rest, _ = process.communicate(timeout=5)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert f"{DEVICE} reading: received=2 missing=0 reported_lost=0" in rest
    assert "rejected=0" in rest


def test_the_command_says_in_one_sentence_that_there_is_no_broker(
    broker: Broker, tmp_path: Path
) -> None:
    broker.stop()
    command = [sys.executable, "-m", "host_tools.receiver", "--port", str(broker.port)]
    command += ["--store", str(tmp_path / "store.sqlite")]
    ended = subprocess.run(command, cwd=ROOT_FOLDER, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("receiver: no broker answers at 127.0.0.1")
    assert ended.stderr.count("\n") == 1
