# What a meter is asked for, in as few transactions as can be.

from concentrator import items, plan
from concentrator.items import Catalogue
from fakes import Settings

MODERN = items.EDITIONS["dlt645-2007"]
OLD = items.EDITIONS["dlt645-1997"]
OWN = Settings(
    name="own", identifier="02010100", index=0, size=2, kind="signed", scale=-1, unit="V"
)


def steps(edition, *tasks):
    # For lists of items [(identifier, [(row, item, index)], identifiers of its singles)].
    catalogue = Catalogue([OWN])
    wanted = []
    for row, names in enumerate(tasks):
        for item, name in enumerate(names):
            wanted.append((catalogue.place(name, edition), row, item, 7))
    return [
        (
            step.identifier,
            [target[:3] for target in step.targets],
            [single.identifier for single in step.singles],
        )
        for step in plan.make(wanted, items.blocks(edition))
    ]


def test_one_item_of_a_block_is_asked_for_by_itself():
    assert steps(MODERN, ["energy.forward.total", "voltage.a", "frequency"]) == [
        (0x00010000, [(0, 0, 0)], []),
        (0x02010100, [(0, 1, 0)], []),
        (0x02800002, [(0, 2, 0)], []),
    ]


def test_several_items_of_a_block_are_one_transaction():
    names = ["energy.forward.total", "voltage.c", "energy.forward.rate2", "voltage.a"]
    assert steps(MODERN, names) == [
        (0x0001FF00, [(0, 0, 0), (0, 2, 2)], [0x00010000, 0x00010200]),
        (0x0201FF00, [(0, 1, 2), (0, 3, 0)], [0x02010300, 0x02010100]),
    ]


def test_powers_begin_with_the_total():
    names = ["power.active.total", "power.active.a", "power.active.c"]
    assert steps(MODERN, names) == [
        (0x0203FF00, [(0, 0, 0), (0, 1, 1), (0, 2, 3)], [0x02030000, 0x02030100, 0x02030300])
    ]


def test_a_demand_and_its_time_are_one_identifier():
    names = ["demand.forward.total.time", "demand.forward.total"]
    assert steps(MODERN, names) == [(0x01010000, [(0, 0, 1), (0, 1, 0)], [])]
    names.append("demand.forward.rate1")
    assert steps(MODERN, names) == [
        (0x0101FF00, [(0, 0, 1), (0, 1, 0), (0, 2, 2)], [0x01010000, 0x01010100])
    ]


def test_tasks_share_what_they_have_in_common():
    assert steps(MODERN, ["voltage.a", "current.a"], ["voltage.b", "current.a"]) == [
        (0x0201FF00, [(0, 0, 0), (1, 0, 1)], [0x02010100, 0x02010200]),
        (0x02020100, [(0, 1, 0), (1, 1, 0)], []),
    ]


def test_an_item_of_the_sites_own_is_in_no_block_and_shares_nothing():
    assert steps(MODERN, ["voltage.a", "voltage.b", "own"]) == [
        (0x0201FF00, [(0, 0, 0), (0, 1, 1)], [0x02010100, 0x02010200]),
        (0x02010100, [(0, 2, 0)], []),
    ]


def test_blocks_of_the_1997_edition():
    names = ["energy.forward.total", "energy.forward.rate4", "voltage.b", "voltage.c"]
    assert steps(OLD, names) == [
        (0x901F, [(0, 0, 0), (0, 1, 4)], [0x9010, 0x9014]),
        (0xB61F, [(0, 2, 1), (0, 3, 2)], [0xB612, 0xB613]),
    ]


def test_nothing_wanted_is_nothing_asked_for():
    assert steps(MODERN, []) == []
