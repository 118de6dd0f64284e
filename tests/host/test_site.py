"""A site that is written can be read in time; one that cannot work is refused in a sentence."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from host_tools.site import (
    Site,
    SiteMeter,
    SiteTask,
    SiteUplink,
    offset_seconds,
    offset_text,
    slot_at,
    spread_meters,
    write_site,
)
from host_tools.stack import Stack, StackError, StackOptions

SITE = Site(meters=spread_meters(4), uplink=SiteUplink(port=1883))


def test_the_file_is_what_the_firmware_reads(tmp_path: Path) -> None:
    write_site(tmp_path, meters=3, baud=2400, period=30, broker_port=2883, heartbeat=7)
    assert json.loads((tmp_path / "config.json").read_text()) == {
        "version": 1,
        "device": "a1b2c3d4e5f6",
        "utc_offset": "+08:00",
        "buses": [{"baud": 2400}, {"baud": 2400}],
        "meters": [
            {"number": 1, "address": "000000000001", "bus": 1},
            {"number": 2, "address": "000000000002", "bus": 1},
            {"number": 3, "address": "000000000003", "bus": 2},
        ],
        "tasks": [
            {
                "name": "load",
                "items": ["energy.forward.total", "voltage.a", "current.a"],
                "every": 30,
            }
        ],
        "uplink": {
            "host": "127.0.0.1",
            "port": 2883,
            "root": "mr/v1",
            "apn": "internet",
            "keepalive": 120,
            "heartbeat": 7,
            "linger": 5,
        },
    }
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    ("site", "complaint"),
    [
        (replace(SITE, meters=()), "0 meters are not in the range 1 to 64."),
        (replace(SITE, baud=1000), "1000 baud is not one of"),
        (replace(SITE, device="A1B2"), "device 'A1B2' is not 12 hex digits"),
        (replace(SITE, utc_offset="8"), "UTC offset '8' is not like +08:00."),
        (replace(SITE, uplink=SiteUplink(port=0)), "broker port 0 is not in the range"),
        (replace(SITE, tasks=(SiteTask(every=7),)), "slots of 7 s do not fill a day evenly"),
        (replace(SITE, tasks=(SiteTask(every=1),)), "a slot of 1 s is too short; use PERIOD=5"),
        (replace(SITE, tasks=(SiteTask(items=()),)), "task 'load' has no items."),
        (replace(SITE, meters=(SiteMeter(1, "12", 1),)), "address '12' is not 12 digits"),
        (replace(SITE, meters=(SiteMeter(1, "0" * 12, 3),)), "meter 1 is on bus 3"),
        (replace(SITE, meters=SITE.meters + SITE.meters[:1]), "two meters have the number 1."),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(site: Site, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        site.check()
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_slot_too_short_for_a_bus_is_refused_with_what_it_takes(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        write_site(tmp_path, meters=64, baud=2400, period=10, broker_port=1883)
    assert str(caught.value) == (
        "a slot of 10 s is too short: 32 meters x 3 items at 2400 baud take about 24 s; "
        "use PERIOD=30 or a higher BAUD"
    )
    assert not (tmp_path / "config.json").exists()


@pytest.mark.parametrize(
    ("baud", "advice"), [(600, "use PERIOD=90 or a higher BAUD"), (9600, "use PERIOD=10 or a")]
)
def test_the_advised_period_is_one_that_works(baud: int, advice: str) -> None:
    site = replace(SITE, meters=spread_meters(64), baud=baud, tasks=(SiteTask(every=5),))
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        site.check()
    assert advice in str(caught.value)
    period = int("".join(filter(str.isdigit, advice)))
    replace(site, tasks=(SiteTask(every=period),)).check()


def test_meters_are_spread_in_equal_runs() -> None:
    assert [meter.bus for meter in spread_meters(5)] == [1, 1, 1, 2, 2]
    assert [meter.bus for meter in spread_meters(1)] == [1]


def test_slots_align_to_the_local_clock() -> None:
    midnight_utc = 1_700_006_400
    assert slot_at(midnight_utc + 100, 3600, "+05:30") == midnight_utc - 1800
    assert slot_at(midnight_utc + 100.9, 30, "+08:00") == midnight_utc + 90


@pytest.mark.parametrize("text", ["+08:00", "-03:30", "+00:00", "+14:00"])
def test_an_offset_survives_both_ways(text: str) -> None:
    assert offset_text(offset_seconds(text)) == text


# The stack that uses it


@pytest.mark.parametrize(
    ("meters", "dead", "numbers"), [(64, 2, [17, 49]), (4, 4, [1, 2, 3, 4]), (5, 0, [])]
)
def test_dead_meters_are_spread_over_all(meters: int, dead: int, numbers: list[int]) -> None:
    options = StackOptions(meters=meters, dead=dead)
    assert sorted(meter.number for meter in options.dead_meters()) == sorted(set(numbers))


@pytest.mark.parametrize("used_before", [False, True])
def test_a_folder_with_somebody_elses_files_is_left_alone(
    tmp_path: Path, used_before: bool
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("keep me")
    logs = tmp_path / "logs"
    if used_before:
        (tmp_path / ".stack").touch()
        logs.mkdir()
    with pytest.raises(StackError, match=r"holds letter\.txt, which is not of an earlier run"):
        Stack(tmp_path).start()
    assert letter.read_text() == "keep me"
    assert logs.is_dir() == used_before


def test_a_folder_in_use_by_another_run_is_left_alone(tmp_path: Path) -> None:
    # Nothing that answers is needed here: any program may stand for the concentrator.
    options = StackOptions(meters=1, concentrator=("/bin/cat",))
    with Stack(tmp_path / "run", options) as running:
        with pytest.raises(StackError, match="another run uses"):
            Stack(tmp_path / "run", options).start()
        running.check()
        running.stop_concentrator()
    # What a run leaves behind is no obstacle to the next one.
    with Stack(tmp_path / "run", options) as again:
        again.stop_concentrator()


def test_a_part_that_dies_is_named_with_its_last_words(tmp_path: Path) -> None:
    options = StackOptions(
        meters=1, concentrator=("/bin/sh", "-c", "echo 'config.json: no such meter'; exit 2")
    )
    with Stack(tmp_path / "run", options) as stack:
        stack.concentrator.wait(5)
        with pytest.raises(StackError) as caught:
            stack.check()
    assert "the concentrator has ended with exit code 2" in str(caught.value)
    assert "config.json: no such meter" in str(caught.value)
