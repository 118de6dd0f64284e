# Whose turn it is, when those who have it give way, or are cancelled.

import asyncio

from concentrator.turns import Turns
from fakes import raises_async


class Users:
    # Keeps what tasks did while they had their turn: one letter a step.

    def __init__(self):
        self.turns = Turns()
        self.steps = ""
        self.inside = 0

    async def use(self, name, steps, polite=False):
        async with self.turns:
            for _ in range(steps):
                await self.step(name)
                if polite and self.turns.wanted:
                    await self.turns.give_way()

    async def step(self, name):
        self.inside += 1
        assert self.inside == 1, name
        self.steps += name
        await asyncio.sleep_ms(1)
        self.inside -= 1


async def test_turns_come_in_order():
    users = Users()
    await asyncio.gather(users.use("a", 2), users.use("b", 2), users.use("c", 1))
    assert users.steps == "aabbc"
    assert users.turns.wanted == 0


async def test_who_gives_way_comes_again_after_those_who_wait():
    users = Users()
    await asyncio.gather(users.use("a", 3, True), users.use("b", 2), users.use("c", 1))
    assert users.steps == "abbcaa"


async def test_of_two_that_give_way_neither_keeps_the_other_waiting():
    users = Users()
    await asyncio.gather(users.use("a", 3, True), users.use("b", 3, True))
    assert users.steps == "ababab"
    assert users.turns.wanted == 0


async def test_who_is_cancelled_while_it_gives_way_ends_nobody_elses_turn():
    users = Users()
    polite = asyncio.create_task(users.use("a", 9, True))
    await asyncio.sleep_ms(0)
    others = [asyncio.create_task(users.use(name, 5)) for name in "bc"]
    while "b" not in users.steps:
        await asyncio.sleep_ms(0)
    polite.cancel()
    await raises_async(asyncio.CancelledError, polite)
    await asyncio.gather(*others)
    assert users.steps == "abbbbbccccc"
    assert users.turns.wanted == 0


async def test_who_is_cancelled_while_it_waits_is_passed_over():
    users = Users()
    first = asyncio.create_task(users.use("a", 3))
    waiting = asyncio.create_task(users.use("b", 1))
    await asyncio.sleep_ms(0)
    last = asyncio.create_task(users.use("c", 1))
    await asyncio.sleep_ms(0)
    waiting.cancel()
    await raises_async(asyncio.CancelledError, waiting)
    await asyncio.gather(first, last)
    assert users.steps == "aaac"
