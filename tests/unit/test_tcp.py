# A TCP connection of the board's own: every wait has its end, and so has the link below.

import asyncio
import os

from concentrator.modem import ModemError, tcp
from fakes import Settings, raises_async, until
from tcp_peer import HOST, Server, Ticks, echo, echoed, flood, silence

LIMIT_MS = 60000  # of every wait


class Link:
    # What is below the connection; check() raises when it is gone.

    def __init__(self):
        self.gone = None
        self.checks = 0

    def check(self):
        self.checks += 1
        if self.gone:
            raise ModemError(self.gone)


async def connected(serve=echo):
    server = await Server(serve).start()
    link = Link()
    connection = tcp.Connection(link.check)
    await connection.open(HOST, server.port)
    return connection, link


async def test_data_both_ways_and_an_orderly_end():
    connection, _ = await connected()
    for size in (1, 1024, 1025, 5000):
        await echoed(connection, os.urandom(size))
    connection.end()
    assert await raises_async(ModemError, connection.read()) == "closed"
    assert await raises_async(ModemError, connection.send(b"x")) == "closed"
    connection.end()  # harmless


async def test_a_broker_that_refuses():
    server = await Server(echo).start()
    server.server.close()
    await server.server.wait_closed()
    text = await raises_async(ModemError, tcp.Connection(Link().check).open(HOST, server.port))
    assert text == "%s port %d: connection refused" % (HOST, server.port)


async def test_a_broker_that_hangs_up():
    async def farewell(reader, writer):
        writer.write(b"bye")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    connection, _ = await connected(farewell)
    assert await connection.read() == b"bye"
    assert await raises_async(ModemError, connection.read()) == "closed by the broker"
    await asyncio.sleep_ms(20)
    assert "connection broke" in await flood(connection)


class Unanswered:
    # In place of the modules socket and select: a connection under way for ever.

    POLLOUT = 4

    def __init__(self):
        self.getaddrinfo = tcp.socket.getaddrinfo
        self.closed = 0

    def socket(self):
        return self

    def connect(self, address):
        raise OSError(tcp.errno.EINPROGRESS)

    def setblocking(self, flag):
        pass

    def close(self):
        self.closed += 1

    def poll(self, *timeout):
        return [] if timeout else self

    def register(self, *_):
        pass


async def test_a_broker_that_does_not_answer():
    ticks = Ticks(tcp)
    tcp.socket = tcp.select = unanswered = Unanswered()
    link = Link()
    opening = asyncio.create_task(tcp.Connection(link.check).open(HOST, 9))
    assert await until(lambda: link.checks > 3)
    assert not opening.done()
    ticks.ahead_ms += LIMIT_MS
    assert "no answer within 60 s" in await raises_async(ModemError, opening)
    assert unanswered.closed == 1


async def test_a_link_that_goes_away_ends_every_wait():
    connection, link = await connected(silence)
    reading = asyncio.create_task(raises_async(ModemError, connection.read()))
    sending = asyncio.create_task(flood(connection))
    await asyncio.sleep_ms(50)
    assert not reading.done()
    assert not sending.done()
    link.gone = "the link is gone"
    assert await reading == await sending == "the link is gone"
    tcp.socket = tcp.select = Unanswered()
    text = await raises_async(ModemError, tcp.Connection(link.check).open(HOST, 9))
    assert text == HOST + " port 9: the link is gone"


async def test_a_half_open_connection_takes_no_data_for_ever():
    # The link says that all is well, but nothing gets through.
    ticks = Ticks(tcp)
    connection, _ = await connected(silence)
    sending = asyncio.create_task(flood(connection))
    await asyncio.sleep_ms(300)
    assert not sending.done()
    ticks.ahead_ms += LIMIT_MS
    assert await sending == "the network takes no data for 60 s"


async def test_a_network_stack_that_takes_little_at_a_time():
    class Narrow:
        def __init__(self):
            self.taken = b""
            self.full = False

        def write(self, buffer):
            self.full = not self.full
            if self.full:
                return None
            self.taken += bytes(buffer[:7])
            return min(7, len(buffer))

        def setblocking(self, flag):
            pass

        def connect(self, address):
            pass

    class Ready:
        POLLOUT = 4

        def poll(self, *timeout):
            return [(None, self.POLLOUT)] if timeout else self

        def register(self, *_):
            pass

    narrow = Narrow()
    tcp.socket = Settings(socket=lambda: narrow, getaddrinfo=tcp.socket.getaddrinfo)
    tcp.select = Ready()
    connection = tcp.Connection(Link().check)
    await connection.open(HOST, 9)
    data = os.urandom(100)
    await connection.send(data)
    assert narrow.taken == data


async def test_a_reader_may_be_cancelled_while_it_waits():
    connection, _ = await connected()
    reading = asyncio.create_task(connection.read())
    await asyncio.sleep_ms(20)
    reading.cancel()
    await raises_async(asyncio.CancelledError, reading)
    await echoed(connection, b"hello")
