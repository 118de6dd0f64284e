"""What simulated meters hold: registers that agree with each other at every instant."""

from datetime import datetime

import pytest
from meter_questions import ADDRESS, NOW

from host_tools.meter_simulator import Meter

DAY_S = 86400
THREE_PHASE = ("three-phase", "three-phase-solar")


def one(meter: Meter, di: str, at: float = NOW) -> int:
    values = meter.values(di, at)
    assert values is not None
    assert isinstance(values[0], int)
    return values[0]


def several(meter: Meter, di: str, at: float = NOW) -> list[int]:
    return [value for value in meter.values(di, at) or () if isinstance(value, int)]


def test_energy_never_runs_backwards_and_equals_the_sum_of_the_rates() -> None:
    meter = Meter(ADDRESS, utc_offset_s=8 * 3600)
    before = several(meter, "0001FF00")
    for step in range(1, 3000):
        # a step that hits all minutes and the edges of hours and days, over more than 5 days
        now = several(meter, "0001FF00", NOW + step * 151.0)
        assert now[0] == sum(now[1:])
        assert all(earlier <= later for earlier, later in zip(before, now, strict=True))
        before = now


def test_energy_does_not_run_backwards_between_the_milliseconds_of_midnight() -> None:
    meter = Meter(ADDRESS)
    midnight = NOW - NOW % DAY_S
    totals = [one(meter, "00010000", midnight + ms / 1000) for ms in range(-1000, 1000)]
    assert totals == sorted(totals)


def test_every_rate_advances_and_a_day_uses_what_a_household_uses() -> None:
    meter = Meter(ADDRESS)
    first, second = several(meter, "0001FF00"), several(meter, "0001FF00", NOW + DAY_S)
    assert all(earlier < later for earlier, later in zip(first, second, strict=True))
    assert 100 < second[0] - first[0] < 4000  # 0.01 kWh


def test_registers_depend_only_on_seed_address_and_time() -> None:
    def all_of(meter: Meter) -> list:
        return [meter.values(di, NOW) for di in ("0001FF00", "0203FF00", "0101FF01", "03020000")]

    assert all_of(Meter(ADDRESS)) == all_of(Meter(ADDRESS))
    assert all_of(Meter(ADDRESS)) != all_of(Meter(ADDRESS, seed=646))
    assert all_of(Meter(ADDRESS)) != all_of(Meter("000000000002"))


@pytest.mark.parametrize("model", THREE_PHASE)
def test_energy_is_the_integral_of_power(model: str) -> None:
    meter = Meter(ADDRESS, model=model)
    start = NOW - NOW % DAY_S
    used = {"0001": 0, "0002": 0}
    for minute in range(24 * 60):
        power = one(meter, "02030000", start + minute * 60)  # 0.1 W
        used["0001" if power > 0 else "0002"] += abs(power)
    for quantity, sum_dw in used.items():
        counted = one(meter, quantity + "0000", start + DAY_S) - one(
            meter, quantity + "0000", start
        )
        assert counted == pytest.approx(sum_dw / 10 / 60 / 10, abs=8)  # 0.01 kWh
    assert (used["0002"] > 0) == (model == "three-phase-solar")


@pytest.mark.parametrize("model", THREE_PHASE)
def test_phases_and_powers_fit_together_at_all_hours(model: str) -> None:
    meter = Meter(ADDRESS, model=model)
    for hour in range(24):
        at = NOW + hour * 3600
        voltages, currents = several(meter, "0201FF00", at), several(meter, "0202FF00", at)
        active, reactive = several(meter, "0203FF00", at), several(meter, "0204FF00", at)
        apparent, factors = several(meter, "0205FF00", at), several(meter, "0206FF00", at)
        for block in (active, reactive, apparent):
            assert block[0] == sum(block[1:])
        assert apparent[0] ** 2 == pytest.approx(active[0] ** 2 + reactive[0] ** 2, rel=0.01)
        for volts, amperes, watts, factor in zip(
            voltages, currents, active[1:], factors[1:], strict=True
        ):
            assert volts * amperes * abs(factor) / 1e6 == pytest.approx(watts, abs=4)
            assert (amperes < 0) == (watts < 0) == (factor < 0)


def test_combined_energies_are_what_their_mode_words_say() -> None:
    meter = Meter(ADDRESS, model="three-phase-solar")
    forward, reverse = one(meter, "00010000"), one(meter, "00020000")
    quadrants = [one(meter, f"000{number}0000") for number in (5, 6, 7, 8)]
    assert all(quadrants)
    assert one(meter, "00000000") == forward + reverse
    assert one(meter, "00030000") == quadrants[0] + quadrants[1]
    assert one(meter, "00040000") == quadrants[2] + quadrants[3]
    meter.set("04000601", "06")  # less forward, and reverse
    meter.set("04000602", "41")  # quadrants 1 and 4
    assert one(meter, "00000000") == reverse - forward < 0
    assert one(meter, "00030000") == quadrants[0] + quadrants[3]


def test_phases_share_the_energy() -> None:
    meter = Meter(ADDRESS, model="three-phase")
    for first in ("15", "19", "1D"):
        of_all = one(meter, {"15": "00010000", "19": "00050000", "1D": "00090000"}[first])
        shares = [one(meter, f"00{int(first, 16) + step:02X}0000") for step in (0, 0x14, 0x28)]
        assert sum(shares) == pytest.approx(of_all, abs=6)
    assert Meter(ADDRESS).values("00290000", NOW) is None


def test_maximum_demand_is_the_highest_quarter_of_an_hour_of_the_month() -> None:
    meter = Meter(ADDRESS)
    highest, when = 0, 0.0
    begin = 1_761_955_200  # 2025-11-01 00:00 UTC
    for quarter in range(int(NOW - begin) // 900):
        at = begin + (quarter + 1) * 900
        demand = one(meter, "02800004", at)
        if demand > highest:
            highest, when = demand, at
    values = several(meter, "01010000")
    assert abs(values[0] - highest) <= 1
    assert values[1] == int(meter.works.clock.local(when).strftime("%y%m%d%H%M"))
    by_rate = several(meter, "0101FF00")
    assert by_rate[0] == max(by_rate[2::2])


def test_a_settlement_keeps_the_energy_of_its_instant() -> None:
    meter = Meter(ADDRESS)
    october, november = 1_759_276_800, 1_761_955_200  # first of the month, 00:00 UTC
    assert several(meter, "0001FF01") == several(meter, "0001FF00", november)
    assert several(meter, "0001FF02") == several(meter, "0001FF00", october)
    history = several(meter, "000100FF")
    assert len(history) == 13
    assert history == sorted(history, reverse=True)
    assert several(meter, "01010001") == several(meter, "01010000", november - 1)
    meter.set("04000B01", "1500")
    assert several(meter, "00010001") == several(meter, "00010000", november + 14 * DAY_S)
    meter.set("04000B01", "9999")
    assert meter.values("00010001", NOW) is None


@pytest.mark.parametrize("rates", [1, 2, 5, 12])
def test_a_block_has_as_many_rates_as_the_meter(rates: int) -> None:
    meter = Meter(ADDRESS)
    total = one(meter, "00010000")
    meter.set("04000204", f"{rates:02d}")
    block = several(meter, "0001FF00")
    assert len(block) == 1 + rates
    assert block[0] == sum(block[1:])
    assert block[0] == pytest.approx(total, abs=4)


def test_the_clock_has_its_own_offset_and_the_energy_does_not_follow_it() -> None:
    right, fast = Meter(ADDRESS), Meter(ADDRESS, clock_offset_s=DAY_S + 61)
    saturday = 1_763_855_999  # 2025-11-22 23:59:59 UTC
    assert several(right, "04000101", saturday) == [25112206]
    assert several(fast, "04000101", saturday) == [25112401]
    assert several(right, "04000102", saturday) == [235959]
    assert several(fast, "0400010C", saturday) == [25112401000100]
    assert several(right, "0001FF00", saturday) == several(fast, "0001FF00", saturday)


def test_a_disturbance_is_in_voltage_status_word_counter_and_record() -> None:
    meter = Meter(ADDRESS)
    record = several(meter, "03020101")
    moment = str(record[0])
    start = meter.works.clock.unix(datetime.strptime(moment, "%y%m%d%H%M%S"))
    assert one(meter, "02010100", start + 30) < 1980 < one(meter, "02010100", start - 60)
    assert one(meter, "04000504", start + 30) == 0b010
    assert one(meter, "04000504", start - 60) == 0
    assert one(meter, "03020000") == one(meter, "03020000", start) + 1
