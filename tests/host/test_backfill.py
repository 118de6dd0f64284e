"""After days without power: what meters froze meanwhile arrives, and is what they held."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from firmware import run_in_firmware
from host_tools.meter_simulator import Meter
from host_tools.stack import Stack, StackOptions

FROZEN = 2
DAYS_OFF = 4
OFFSET_S = 8 * 3600
ITEMS = {"energy.forward.total@day1": "00010000", "energy.reverse.total@day1": "00020000"}
OPTIONS = StackOptions(
    meters=4, baud=19200, period=5, answer_delay="20", linger=1, utc_offset="+08:00"
)

# A journal whose last readings were made before the power went.
LAST_READINGS = """
import board
from concentrator import records
from concentrator.journal import READING, Journal

journal = Journal(board.journal_flash())
journal.mount(7)
journal.set_context(0, records.pack_task("daily", {items}, [-2, -2]))
buffer = bytearray(100)
for meter in {meters}:
    reading = records.Reading(0, meter, {slot}, 3, 1, 0, [1, 0])
    journal.append(READING, buffer, records.pack_reading(reading, buffer))
"""


def local_midnights(count: int) -> list[float]:
    """The last midnights of the site, the newest first."""
    now = datetime.fromtimestamp(time.time() + OFFSET_S, UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return [(midnight - timedelta(days=back)).timestamp() - OFFSET_S for back in range(count)]


def test_midnights_without_power_come_from_the_meters(tmp_path: Path) -> None:
    midnights = local_midnights(DAYS_OFF + 1)
    meters = range(1, OPTIONS.meters + 1)
    with Stack(tmp_path / "stack", OPTIONS) as stack:
        stack.wait_online(30)
        stack.kill_concentrator()
        config = stack.site_folder / "config.json"
        site = json.loads(config.read_text())
        site["tasks"] = [{"name": "daily", "items": list(ITEMS), "daily": "00:00"}]
        config.write_text(json.dumps(site))
        program = LAST_READINGS.format(
            items=list(ITEMS), meters=list(meters), slot=round(midnights[-1])
        )
        run_in_firmware(stack.site_folder, program)
        stack.start_concentrator()

        def frozen() -> list:
            return [r for r in stack.store.records(stack.device) if r.quality == FROZEN]

        expected = {(number, round(midnight)) for number in meters for midnight in midnights[1:-1]}
        stack.receiver.wait_for(lambda: len(frozen()) >= len(expected), 30)
        stack.stop_concentrator()
        stack.settle()
        readings = frozen()
        events = [event.name for event in stack.store.events(stack.device, 100)]
        summary = stack.summary()
        assert (summary.lost, summary.duplicated) == (0, 0)
    assert sorted((reading.meter, reading.slot) for reading in readings) == sorted(expected)
    for reading in readings:
        meter = Meter(f"{reading.meter:012d}", utc_offset_s=OFFSET_S)
        held = [meter.values(ITEMS[item], reading.slot) for item in reading.items]
        assert [(value,) for value in reading.data] == held
    assert events.count("backfill.done") == 2  # of each bus
    assert "backfill.failed" not in events
