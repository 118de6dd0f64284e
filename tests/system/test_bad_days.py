"""What a person sees when a part is missing or wrong, and what the data shows."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from host_tools.stack import MICROPYTHON, Stack, StackOptions


def start_firmware(site: Path) -> subprocess.CompletedProcess[str]:
    """Run the concentrator on a site until it ends by itself."""
    return subprocess.run(
        [MICROPYTHON, "-m", "concentrator"],
        env={**os.environ, "CONCENTRATOR_SITE": str(site)},
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def one_sentence(result: subprocess.CompletedProcess[str]) -> str:
    """The only line of a failed start; a traceback would have more."""
    assert result.returncode == 2, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("concentrator: ")]
    assert "Traceback" not in result.stderr
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_dead_meter_gives_a_reason_and_the_others_their_values(tmp_path: Path) -> None:
    options = StackOptions(
        meters=6, baud=19200, period=5, dead=1, answer_delay="20", linger=1, heartbeat=1
    )
    (dead,) = options.dead_meters()
    with Stack(tmp_path / "stack", options) as stack:
        stack.wait_slots(2, 30)
        readings = stack.store.latest(stack.device)
        stack.stop_concentrator()
        stack.settle()
        names = [event.name for event in stack.store.events(stack.device)]
        beat = stack.store.beat(stack.device)
    for number, reading in readings.items():
        if number == dead.number:
            assert (reading.quality, reading.data) == (20, (None, None, None))
        else:
            assert reading.quality == 0
            assert None not in reading.data
    assert names.count("meter.failing") == 1
    assert beat is not None
    other = 2 - dead.bus  # the index of the bus that the dead meter isn't on
    assert beat.get("buses", other, "failed") == 0
    # At most one silent transaction a slot, although there are three items, and two more in the
    # slot in which it was found out: that is all it costs.
    assert 3 <= beat.get("buses", 1 - other, "failed") <= beat.get("slots") + 2


def test_missing_configuration_is_one_sentence(tmp_path: Path) -> None:
    assert "config.json: cannot be read" in one_sentence(start_firmware(tmp_path))


def test_missing_site_is_one_sentence(tmp_path: Path) -> None:
    assert "does not exist" in one_sentence(start_firmware(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("utc_offset", "8", 'utc_offset is "8"; use local time minus UTC'),
        ("buses", [{"baud": 1234}], "buses[0].baud is 1234; use one of 600, 1200"),
    ],
)
def test_wrong_field_is_named_with_its_value_and_what_is_allowed(
    tmp_path: Path, field: str, value: object, complaint: str
) -> None:
    site = StackOptions(meters=2).site(broker_port=1883).as_dict()
    (tmp_path / "config.json").write_text(json.dumps({**site, field: value}), encoding="utf-8")
    assert complaint in one_sentence(start_firmware(tmp_path))


def test_missing_serial_port_is_one_sentence(tmp_path: Path) -> None:
    site = StackOptions(meters=2).site(broker_port=1883).as_dict()
    (tmp_path / "config.json").write_text(json.dumps(site), encoding="utf-8")
    assert "start the meter simulator with --link" in one_sentence(start_firmware(tmp_path))


def test_second_concentrator_on_a_site_is_refused(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack", StackOptions(meters=2, baud=19200, period=5)) as stack:
        stack.wait_online(30)
        other_spelling = stack.site_folder / ".." / stack.site_folder.name
        assert "is in use by process" in one_sentence(start_firmware(other_spelling))


def test_flash_of_another_size_is_one_sentence(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack", StackOptions(meters=2, baud=19200, period=5)) as stack:
        stack.wait_online(30)
        stack.kill_concentrator()
        (stack.site_folder / "journal.nor").write_bytes(b"old")
        assert "has 3 bytes" in one_sentence(start_firmware(stack.site_folder))
