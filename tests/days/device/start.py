"""Start the firmware on the board in virtual time. Run by play.py."""

import asyncio
import gc
import sys

import network
import virtual_board

sys.modules["concentrator.modem.quectel"] = network

from concentrator import app  # noqa: E402 - only now


def collect_seldom():
    """The collector would take most of the time. What is in use is measured after it anyway."""
    gc.threshold(262144)


class Health(app.Health):
    """Does not look every 10 ms for what held up the event loop: time passes in waits only."""

    async def watch(self):
        await asyncio.Event().wait()


app.collect_often = collect_seldom
app.Health = Health
sys.exit(app.main(virtual_board))
