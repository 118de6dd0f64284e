"""A site that is written can be read in time; one that cannot work is refused in a sentence."""

import json
import subprocess
from pathlib import Path

import pytest

from host_tools import contract
from host_tools.site import Site, offset_seconds, offset_text, slot_at
from host_tools.stack import MICROPYTHON, Stack, StackError, StackOptions

FIRMWARE_TABLES = """
import json
from concentrator import config, items, quality, records
bauds = []
for baud in range(300, 115201, 300):
    site["buses"] = [{"baud": baud}] * 2
    try:
        config.parse(json.dumps(site))
        bauds.append(baud)
    except config.ConfigError:
        pass
site["buses"] = [{}] * 2
transports = []
for transport in ("at", "ppp", "wifi"):
    site["uplink"]["transport"] = transport
    try:
        config.parse(json.dumps(site))
        transports.append(transport)
    except config.ConfigError:
        pass
names = list(quality.NAMES.items())
print(json.dumps([bauds, records.MAX_METERS, transports, items.names(), names]))
"""


def test_host_and_firmware_agree() -> None:
    asked = subprocess.run(
        [MICROPYTHON, "-c", f"site = {Site(meters=2).as_dict()}\n{FIRMWARE_TABLES}"],
        stdin=subprocess.DEVNULL,
        timeout=10,
        capture_output=True,
        text=True,
        check=True,
    )
    bauds, most_meters, transports, items, quality_names = json.loads(asked.stdout)
    assert tuple(bauds) == contract.BAUDS
    assert most_meters == contract.MAX_METERS
    assert tuple(transports) == contract.TRANSPORTS
    assert set(contract.ITEMS) <= set(items)
    assert dict(quality_names) == contract.QUALITY_NAMES


def test_the_file_is_what_the_firmware_reads(tmp_path: Path) -> None:
    Site(meters=3, period=30, broker_port=2883, heartbeat=7).write(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()) == {
        "version": 1,
        "device": "a1b2c3d4e5f6",
        "utc_offset": "+08:00",
        "meter_clocks": "check",
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
            "transport": "at",
            "apn": "internet",
            "keepalive": 120,
            "heartbeat": 7,
            "linger": 5,
        },
    }
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_meters_of_both_editions_are_spread_over_both_buses() -> None:
    meters = Site(meters=64, of_1997=16).as_dict()["meters"]
    old = [meter for meter in meters if meter.get("protocol") == "dlt645-1997"]
    assert [sum(meter["bus"] == bus for meter in old) for bus in (1, 2)] == [8, 8]
    assert all("protocol" not in meter for meter in meters if meter not in old)


@pytest.mark.parametrize(
    ("site", "complaint"),
    [
        (Site(meters=0), "0 meters are not in the range 1 to 64."),
        (Site(meters=65), "65 meters are not in the range 1 to 64."),
        (Site(meters=4, of_1997=5), "5 meters of 1997 are not in the range 0 to 4."),
        (Site(baud=1000), "1000 baud is not one of 600, 1200"),
        (Site(utc_offset="8"), "UTC offset '8' is not like +08:00."),
        (Site(broker_port=0), "broker port 0 is not in the range"),
        (Site(transport="wifi"), "transport 'wifi' is not one of at, ppp."),
        (Site(period=7), "slots of 7 s do not fill a day evenly; use PERIOD=10."),
        (Site(period=30, dead=12), "6 of them dead, at 2400 baud take about 34 s; use PERIOD=45"),
        (Site(period=1), "a slot of 1 s is too short; use PERIOD=5"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(site: Site, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        site.check()
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_slot_too_short_for_a_bus_is_refused_with_what_it_takes(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        Site(period=10).write(tmp_path)
    assert str(caught.value) == (
        "a slot of 10 s is too short: 32 meters x 3 items at 2400 baud take about 24 s; "
        "use PERIOD=30 or a higher BAUD"
    )
    assert not (tmp_path / "config.json").exists()


@pytest.mark.parametrize(
    ("baud", "advice"), [(600, "use PERIOD=90 or a higher BAUD"), (9600, "use PERIOD=10 or a")]
)
def test_the_advised_period_is_one_that_works(baud: int, advice: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        Site(baud=baud, period=5).check()
    assert advice in str(caught.value)
    period = int("".join(filter(str.isdigit, advice)))
    Site(baud=baud, period=period).check()


def test_meters_are_spread_in_equal_runs() -> None:
    assert [meter.bus for meter in Site(meters=5).spread_meters()] == [1, 1, 1, 2, 2]
    assert [meter.bus for meter in Site(meters=1).spread_meters()] == [1]


def test_slots_align_to_the_local_clock() -> None:
    midnight_utc = 1_700_006_400
    assert slot_at(midnight_utc + 100, 3600, "+05:30") == midnight_utc - 1800
    assert slot_at(midnight_utc + 100.9, 30, "+08:00") == midnight_utc + 90


@pytest.mark.parametrize("text", ["+08:00", "-03:30", "+00:00", "+14:00"])
def test_an_offset_survives_both_ways(text: str) -> None:
    assert offset_text(offset_seconds(text)) == text


# The stack that uses it


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (StackOptions(board="esp32"), "board 'esp32' is not one of host, virtual."),
        (StackOptions(transport="ppp"), "board host has no PPP; use transport at"),
    ],
)
def test_a_board_that_cannot_be_is_refused_in_a_sentence(
    tmp_path: Path, options: StackOptions, complaint: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        Stack(tmp_path / "run", options)
    assert complaint in str(caught.value)
    assert not (tmp_path / "run").exists()


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
