"""The other end of a TCP connection, on this machine, and time that can be put forward."""

import asyncio
import random

from concentrator.modem import ModemError

HOST = "127.0.0.1"


class Server:
    """A TCP server; serve(reader, writer) is what it does with every connection."""

    def __init__(self, serve):
        self.serve = serve

    async def start(self):
        """Listen at a free port, `self.port`."""
        while True:
            self.port = random.randrange(20000, 60000)
            try:
                self.server = await asyncio.start_server(self.serve, HOST, self.port)
                return self
            except OSError:
                pass


async def echo(reader, writer):
    """Send back what comes."""
    while True:
        data = await reader.read(4096)
        if not data:
            break
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def silence(reader, writer):
    """Keep the connection, but neither read nor write."""
    await asyncio.Event().wait()


async def flood(transport):
    """Send until it fails; returns the text of the failure."""
    data = bytes(20000)
    while True:
        try:
            await transport.send(data)
        except ModemError as error:
            return str(error)


async def echoed(transport, data):
    """Send data to an echo() and wait for it to come back."""
    received = b""
    sending = asyncio.create_task(transport.send(data))
    while len(received) < len(data):
        received += await transport.read()
    await sending
    assert received == data


class Ticks:
    """Time in a module under test, which can be put forward."""

    def __init__(self, module):
        self.ahead_ms = 0
        self._ticks_ms = module.ticks_ms
        module.ticks_ms = self

    def __call__(self):
        return self._ticks_ms() + self.ahead_ms
