# Meters in twelve bytes each are what the configuration says.

from concentrator.meters import Meters
from fakes import Settings, raises

ALL = [
    Settings(
        number=1,
        address="000000000001",
        bus=1,
        protocol="dlt645-2007",
        max_power=1,
        baud=None,
    ),
    Settings(
        number=255,
        address="AAAA98765432",
        bus=8,
        protocol="dlt645-1997",
        max_power=10000,
        baud=115200,
    ),
    Settings(
        number=64,
        address="999999999998",
        bus=2,
        protocol="dlt645-2007",
        max_power=100,
        baud=600,
    ),
]
FIELDS = ("number", "address", "bus", "protocol", "max_power", "baud")


def test_every_field_comes_back():
    meters = Meters(ALL)
    assert len(meters) == 3
    for place, (meter, given) in enumerate(zip(meters, ALL)):
        for name in FIELDS:
            assert getattr(meter, name) == getattr(given, name), name
        assert meters.number(place) == given.number
        assert meters.address(place) == given.address
        assert meters.edition(place) == int(given.protocol[-4:])
        assert meters.baud(place) == given.baud


def test_some_of_them_are_meters_too():
    some = Meters(meter for meter in Meters(ALL) if meter.bus > 1)
    assert [meter.number for meter in some] == [255, 64]
    assert len(Meters(())) == 0


def test_behind_the_last_there_is_none():
    assert "no meter at place 3" in raises(IndexError, lambda: Meters(ALL)[3])
