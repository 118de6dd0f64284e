# What a schedule costs, and that one which cannot fit is refused.

import json

from concentrator import budget, config
from concentrator.config import ConfigError
from fakes import raises

MS_A_BYTE = 11 * 1000 / 2400
REQUEST = 4 + 12 + 4  # bytes: wake-up, frame, identifier
ANSWER = 4 + 12 + 4


def site(tasks, meters=1, buses=1, baud=2400, old=()):
    return {
        "version": 1,
        "device": "a1b2c3d4e5f6",
        "utc_offset": "+08:00",
        "buses": [{"baud": baud}] * buses,
        "meters": [
            {
                "number": n,
                "address": "%012d" % n,
                "bus": 1 + n % buses,
                "protocol": "dlt645-1997" if n in old else "dlt645-2007",
            }
            for n in range(1, meters + 1)
        ],
        "tasks": tasks,
        "uplink": {"host": "broker.example", "apn": "cmiot"},
    }


def load(*items, every=900, **more):
    task = {"name": "n%d" % every, "items": list(items), "every": every}
    task.update(more)
    return task


def cost(*tasks, answer_ms=100, **more):
    # Milliseconds on the first bus.
    return budget.costs(config.parse(json.dumps(site(list(tasks), **more))), answer_ms)[0].ms


def about(ms, size, answers):
    # Whether so many ms are so many bytes and answers of a meter that takes 100 ms.
    return abs(ms - size * MS_A_BYTE - 100 * answers) <= answers


def test_a_read_is_its_bytes_and_the_meters_time():
    assert about(cost(load("energy.forward.total")), REQUEST + ANSWER + 4, 1)
    assert about(cost(load("energy.forward.total"), old=(1,)), REQUEST + ANSWER - 4 + 4, 1)
    assert about(cost(load("demand.forward.total")), REQUEST + ANSWER + 8, 1)


def test_blocks_cost_one_transaction():
    ms = cost(load("voltage.a", "voltage.b", "voltage.c"))
    assert about(ms, REQUEST + ANSWER + 6, 1)
    ms = cost(load("energy.forward.total", "energy.forward.rate1"))
    assert about(ms, REQUEST + ANSWER + 5 * 4, 1)
    ms = cost(load("demand.forward.total", "demand.forward.rate1"))
    assert about(ms, REQUEST + ANSWER + 5 * 8, 1)
    ms = cost(load("energy.forward.total", "energy.forward.rate1"), old=(1,))
    assert about(ms, REQUEST + ANSWER - 4 + 5 * 4, 1)


def test_every_meter_and_bus_counts_and_tasks_share():
    one = cost(load("voltage.a"))
    assert cost(load("voltage.a"), meters=10) == 10 * one
    assert cost(load("voltage.a"), meters=10, buses=2) == 5 * one
    assert cost(load("voltage.a"), load("voltage.a", every=60)) == one
    assert cost(load("voltage.a"), load("frequency", every=60, meters=[2]), meters=2) == 3 * one


def test_what_cannot_fit_is_refused_by_how_much():
    # 64 meters, one item, at 2400 bit/s and 20 ms each: 64 x (44 x 4.58 + 20) ms.
    tight = site([load("energy.forward.total", every=15)], meters=64)
    config.parse(json.dumps(tight))
    tight["tasks"][0]["every"] = 12
    text = raises(ConfigError, config.parse, json.dumps(tight))
    assert "bus 1 needs 14.3 s at least when all of them are due, 2.3 s more than the" in text
    assert "shortest every, 12 s; read fewer items or meters" in text


def test_what_has_a_day_or_a_month_fits():
    daily = {"name": "day", "items": ["energy.forward.total"], "daily": "00:05"}
    parsed = config.parse(json.dumps(site([daily], meters=64)))
    assert budget.costs(parsed)[0].every is None


def test_a_pause_before_requests_counts():
    data = site([load("energy.forward.total")])
    before = budget.costs(config.parse(json.dumps(data)))[0].ms
    data["buses"][0]["pause_ms"] = 30
    assert budget.costs(config.parse(json.dumps(data)))[0].ms == before + 30
