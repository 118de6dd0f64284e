# PPP: dialling, the link and what can become of it, and TCP on top.
#
# network.PPP is a fake with the states of the real one. Its link leads to this machine's own TCP.

import asyncio
import os
import random

from cellular_modem import CellularModem, HurriedAsyncio
from concentrator import app
from concentrator.config import ConfigError
from concentrator.modem import ModemError, cellular, ppp, tcp
from fakes import Port, RamFlash, Settings, raises, raises_async, until

HOST = "127.0.0.1"
ADDRESS = "10.64.64.1"
NO_ADDRESS = "0.0.0.0"
NAME_SERVER = "10.64.64.2"
INACTIVE, ACTIVE, ERROR, CONNECTING, CONNECTED = range(5)
ENDED, WRONG_PASSWORD = 6, 7  # errors of lwIP
FRAME = b"\x7e\xff\x03\xc0\x21\x01\x01\x00\x04\x7e"  # what a modem sends first
LINK_UP_MS = 75000
LIMIT_MS = 60000  # of every wait for TCP


class Network:
    """What the link will do: a class PPP, and what became of its objects."""

    def __init__(self, modem):
        self.modem = modem
        self.links = []
        self.connects = []  # arguments of every connect()
        self.outcome = CONNECTED  # or CONNECTING for ever, or an error of lwIP below 0
        self.address = ADDRESS
        self.ends = True  # whether a link ends when it shall
        self.wrong = []  # what a real PPP would not have survived

        class PPP(Link):
            network = self

        self.PPP = PPP

    @property
    def link(self):
        return self.links[-1]

    def state(self):
        return self.link.state if self.links else INACTIVE


class Link:
    SEC_NONE, SEC_PAP, SEC_CHAP = range(3)

    def __init__(self, port):
        network = self.network
        if network.state() != INACTIVE:
            network.wrong.append("a second interface")
        if not network.modem.online:
            network.wrong.append("the modem is not on-line")
        self.port = port
        self.state = INACTIVE
        self.error = 0
        self.received = b""
        self.closing = False
        self.polls = 0
        network.links.append(self)

    def connect(self, security=0, user=None, key=None):
        self.network.connects.append((security, user, key))
        self.state = CONNECTING
        self.port.irq(self.poll, 1)
        self.poll()

    def poll(self, port=None):
        if self.state <= ERROR:
            return -1
        buffer = bytearray(64)
        count = self.port.readinto(buffer) or 0
        self.received += buffer[:count]
        self.polls += 1
        if self.polls > 3 and self.closing:
            if self.network.ends:
                self.state = INACTIVE
                self.port.irq(None)
                self.network.modem.hang_up()
        elif self.polls > 3 and self.state == CONNECTING:
            if self.network.outcome < 0:
                self.fail(-self.network.outcome)
                self.network.modem.hang_up()
            else:
                self.state = self.network.outcome
        return count

    def fail(self, error):
        self.state = ERROR
        self.error = error

    def disconnect(self):
        if self.state >= CONNECTING:
            self.closing = True
            self.polls = 0

    def __del__(self):
        if self.state >= CONNECTING:
            self.network.wrong.append("dropped while connected")
        self.state = INACTIVE

    def isconnected(self):
        return self.state == CONNECTED

    def status(self):
        return -self.error if self.state == ERROR else self.state

    def ipconfig(self, key):
        assert key == "addr4"
        return (self.network.address, "255.255.255.255")

    def ifconfig(self):
        return (self.network.address, "255.255.255.255", "10.64.64.64", NAME_SERVER)


class Broker:
    """A TCP server; serve(reader, writer) is what it does with every connection."""

    def __init__(self, serve):
        self.serve = serve

    async def start(self):
        while True:
            self.port = random.randrange(20000, 60000)
            try:
                self.server = await asyncio.start_server(self.serve, HOST, self.port)
                return self
            except OSError:
                pass


async def echo(reader, writer):
    while True:
        data = await reader.read(4096)
        if not data:
            break
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def silence(reader, writer):
    await asyncio.Event().wait()


class Clock:
    """Time in a module under test, which can be put forward."""

    def __init__(self, module):
        self.ahead_ms = 0
        self._ticks_ms = module.ticks_ms
        module.ticks_ms = self

    def __call__(self):
        return self._ticks_ms() + self.ahead_ms


class Site:
    """A modem as the firmware has it, and what is at its other end."""

    def __init__(self, apn_user=None, apn_password=None):
        cellular.asyncio = HurriedAsyncio()
        self.port = CellularModem()
        self.network = Network(self.port)
        settings = Settings(apn="cmiot", apn_user=apn_user, apn_password=apn_password)
        self.times = []
        self.modem = ppp.Modem(self.port, settings, self.times.append, self.network.PPP)
        self._run = asyncio.create_task(self.modem.run())

    async def online(self, serve=echo):
        # The transport of a connection to a broker.
        self.broker = await Broker(serve).start()
        await self.modem.start()
        return await self.modem.connect(HOST, self.broker.port)

    async def refusal(self, port=9):
        await self.modem.start()
        text = await raises_async(ModemError, self.modem.connect(HOST, port))
        assert self.is_tidy(), self.network.wrong
        return text

    def is_tidy(self):
        # No link left, nothing done to one that it does not bear, and the modem takes commands.
        return (
            not self.network.wrong
            and self.network.state() == INACTIVE
            and not self.port.online
            and self.port.handlers[-1:] in ([], [None])
        )


async def flood(transport):
    # Send until it fails; the text of the failure.
    data = bytes(20000)
    while True:
        try:
            await transport.send(data)
        except ModemError as error:
            return str(error)


async def echoed(transport, data):
    received = b""
    sending = asyncio.create_task(transport.send(data))
    while len(received) < len(data):
        received += await transport.read()
    await sending
    assert received == data


# --- The whole way ----------------------------------------------------------------------------


async def test_dial_link_connection_and_an_orderly_end():
    site = Site()
    transport = await site.online()
    assert site.port.commands[-2:] == ['AT+CGDCONT=1,"IP","cmiot"', "ATD*99***1#"]
    assert (site.modem.signal, site.modem.operator) == (20, "OPERATOR")
    assert site.times == [1795132800000]
    assert site.network.connects == [(0, None, None)]
    await echoed(transport, b"hello")
    assert not site.is_tidy()
    await transport.close()
    assert site.is_tidy(), site.network.wrong
    assert "closed" in await raises_async(ModemError, transport.read())
    assert "closed" in await raises_async(ModemError, transport.send(b"x"))
    await transport.close()  # harmless
    await site.modem.refresh()
    assert site.port.commands[-1] == "AT+CCLK?"


async def test_every_connection_dials_anew():
    site = Site()
    for count in (1, 2, 3):
        transport = await site.online()
        await echoed(transport, b"%d" % count)
        await transport.close()
        assert len(site.network.links) == count
        assert site.is_tidy(), site.network.wrong


async def test_a_connection_that_was_not_closed_is_ended_by_the_next_start():
    site = Site()
    await site.online()
    transport = await site.online()
    await echoed(transport, b"hello")
    assert site.network.wrong == []


async def test_a_lot_of_data_both_ways():
    site = Site()
    transport = await site.online()
    for size in (1, 1024, 1025, 5000, 50000):
        await echoed(transport, os.urandom(size))


async def test_a_name_is_resolved_by_the_servers_of_the_link():
    asked = []

    async def resolve(name, servers, check):
        asked.append((name, tuple(servers)))
        check()
        if name == "nowhere":
            raise ModemError("there is no such host")
        return HOST

    site = Site()
    ppp.dns = Settings(resolve=resolve)
    broker = await Broker(echo).start()
    await site.modem.start()
    transport = await site.modem.connect("broker.example", broker.port)
    await echoed(transport, b"hello")
    await transport.close()
    text = await raises_async(ModemError, site.modem.connect("nowhere", 1))
    assert text == "there is no such host"
    assert asked == [("broker.example", (NAME_SERVER,)), ("nowhere", (NAME_SERVER,))]
    assert site.is_tidy(), site.network.wrong


# --- Dialling ---------------------------------------------------------------------------------


async def test_a_modem_that_knows_only_the_short_number():
    for refusal in ("ERROR", "+CME ERROR: 100"):
        site = Site()
        site.port.answers["ATD*99***1#"] = refusal
        site.port.answers["ATD*99#"] = "CONNECT"
        await echoed(await site.online(), b"hello")


async def test_no_carrier():
    for refusal in ("NO CARRIER", "BUSY", "NO ANSWER", "OK"):
        site = Site()
        site.port.answers["ATD*99***1#"] = refusal
        assert refusal in await site.refusal()
        assert site.port.commands.count("ATD*99#") == 0
        assert site.network.links == []


async def test_no_byte_is_stolen_from_ppp_nor_from_the_command_line():
    site = Site()
    site.port.behind_connect = FRAME
    transport = await site.online()
    written = len(site.port.uplink)
    await asyncio.sleep_ms(50)
    site.port.say(FRAME)
    assert await until(lambda: site.network.link.received == FRAME + FRAME)
    text = await raises_async(ModemError, site.modem._at.command("AT"))
    assert "data connection" in text, text
    assert len(site.port.uplink) == written
    await transport.close()
    assert await site.modem._at.command("AT+CSQ") == ["+CSQ: 20,99"]


async def test_values_are_kept_while_on_line():
    site = Site()
    transport = await site.online()
    commands = len(site.port.commands)
    site.port.answers["AT+CSQ"] = "+CSQ: 5,99\r\n\r\nOK"
    await site.modem.refresh()
    assert (site.modem.signal, len(site.port.commands)) == (20, commands)
    await transport.close()
    await site.modem.refresh()
    assert site.modem.signal == 5


# --- The link ---------------------------------------------------------------------------------


async def test_connected_without_an_address_is_not_believed():
    site = Site()
    site.network.address = NO_ADDRESS
    broker = await Broker(echo).start()
    await site.modem.start()
    connecting = asyncio.create_task(site.modem.connect(HOST, broker.port))
    assert await until(lambda: site.network.links and site.network.link.isconnected())
    await asyncio.sleep_ms(200)
    assert not connecting.done()
    site.network.address = ADDRESS
    await echoed(await connecting, b"hello")


async def test_a_link_that_does_not_come_about_is_given_up_later_than_lwip_does():
    for outcome in (CONNECTED, CONNECTING):
        clock = Clock(ppp)
        site = Site()
        site.network.address = NO_ADDRESS
        site.network.outcome = outcome
        await site.modem.start()
        connecting = asyncio.create_task(site.modem.connect(HOST, 9))
        assert await until(lambda: site.network.links and site.network.link.polls > 3)  # noqa: B023
        clock.ahead_ms += LINK_UP_MS - 10000
        await asyncio.sleep_ms(100)
        assert not connecting.done()
        clock.ahead_ms += 10000
        assert "no address within 75 s" in await raises_async(ModemError, connecting)
        assert site.is_tidy(), site.network.wrong


async def test_a_link_that_the_network_refuses():
    site = Site()
    site.network.outcome = -ENDED
    for count in (1, 2):
        assert "did not come about" in await site.refusal()
        assert len(site.network.links) == count
    site.network.outcome = CONNECTED
    await echoed(await site.online(), b"hello")


async def test_wrong_password_and_both_ways_to_show_it():
    site = Site("user", "secret")
    site.network.outcome = -WRONG_PASSWORD
    for _ in range(3):
        text = await site.refusal()
        assert text == "PPP: user name or password wrong"
    site.network.outcome = CONNECTED
    await site.online()
    assert site.network.connects == [
        (Link.SEC_CHAP, "user", "secret"),
        (Link.SEC_PAP, "user", "secret"),
        (Link.SEC_CHAP, "user", "secret"),
        (Link.SEC_PAP, "user", "secret"),
    ]


async def test_no_memory_for_a_link():
    class Poor(Link):
        def connect(self, **_):
            self.state = ACTIVE
            raise OSError("ppp_connect failed")

    site = Site()
    Poor.network = site.network
    site.modem._ppp = Poor
    assert await site.refusal() == "PPP: ppp_connect failed"


async def test_loss_of_the_link_in_mid_transfer():
    site = Site()
    transport = await site.online(silence)
    reading = asyncio.create_task(raises_async(ModemError, transport.read()))
    sending = asyncio.create_task(flood(transport))
    await asyncio.sleep_ms(50)
    assert not reading.done()
    assert not sending.done()
    site.network.link.fail(9)
    site.port.hang_up()
    assert await reading == "PPP: the other end does not answer"
    assert await sending == "PPP: the other end does not answer"
    await transport.close()
    assert site.is_tidy(), site.network.wrong
    await echoed(await site.online(), b"hello")


async def test_an_address_that_the_network_takes_back():
    site = Site()
    transport = await site.online(silence)
    site.network.address = NO_ADDRESS
    assert "took the address back" in await raises_async(ModemError, transport.read())
    await transport.close()
    assert site.is_tidy(), site.network.wrong


async def test_a_modem_that_stays_on_line_after_the_link():
    # The link has failed, but the modem did not notice: it takes commands for data.
    site = Site()
    transport = await site.online()
    site.network.link.fail(ENDED)
    await raises_async(ModemError, transport.read())
    await transport.close()
    assert site.port.uplink.endswith(b"+++")
    assert site.is_tidy(), site.network.wrong


async def test_a_link_that_does_not_end_keeps_the_port():
    clock = Clock(ppp)
    site = Site()
    transport = await site.online()
    site.network.ends = False
    for attempt in (transport.close, site.modem.start):
        ending = asyncio.create_task(attempt())
        await asyncio.sleep_ms(100)
        assert not ending.done()
        clock.ahead_ms += 15000  # lwIP may take 12 s
        await asyncio.sleep_ms(100)
        assert not ending.done()
        clock.ahead_ms += 10000
        if attempt == transport.close:
            await ending
        else:
            assert "does not end" in await raises_async(ModemError, ending)
        assert len(site.network.links) == 1
        assert b"AT" not in site.port.uplink
    site.network.ends = True
    await site.modem.start()
    assert site.is_tidy(), site.network.wrong


# --- A modem left on-line ---------------------------------------------------------------------


async def test_a_modem_that_a_reset_of_ours_left_on_line():
    site = Site()
    site.port.online = True

    async def chatter():
        while site.port.online:
            site.port.say(FRAME + b"\r\nNO CARRIER\r\n~ERROR" + bytes(range(256)))
            await asyncio.sleep_ms(20)

    asyncio.create_task(chatter())
    await site.modem.start()
    assert b"+++" in site.port.uplink
    assert site.port.commands[-7:] == [
        "ATE0", "ATI", "AT+CPIN?", "AT+CEREG?", "AT+CSQ", "AT+COPS?", "AT+CCLK?",
    ]  # fmt: skip
    assert "ATH" in site.port.commands
    assert site.modem.signal == 20
    await echoed(await site.online(), b"hello")


async def test_silence_around_the_way_out_of_data_mode():
    # What is said too early or too late is data like any other.
    site = Site()
    site.port.online = True
    site.port.write(FRAME, len(FRAME))
    await site.modem._leave_data_mode()
    assert not site.port.online
    assert site.port.uplink == FRAME + b"+++"


# --- TCP --------------------------------------------------------------------------------------


async def test_a_broker_that_refuses():
    broker = await Broker(echo).start()
    broker.server.close()
    await broker.server.wait_closed()
    site = Site()
    assert await site.refusal(broker.port) == "%s port %d: connection refused" % (
        HOST,
        broker.port,
    )


async def test_a_broker_that_hangs_up():
    async def farewell(reader, writer):
        writer.write(b"bye")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    site = Site()
    transport = await site.online(farewell)
    assert await transport.read() == b"bye"
    assert await raises_async(ModemError, transport.read()) == "closed by the broker"
    await asyncio.sleep_ms(20)
    text = ""
    for _ in range(10):
        try:
            await transport.send(bytes(1000))
        except ModemError as error:
            text = str(error)
            break
    assert "connection broke" in text
    await transport.close()
    assert site.is_tidy(), site.network.wrong


async def test_a_broker_that_does_not_answer():
    class Mute:
        # A connection under way for ever.
        def connect(self, address):
            raise OSError(tcp.errno.EINPROGRESS)

        def setblocking(self, flag):
            pass

        def close(self):
            pass

    class Never:
        POLLOUT = 4

        def poll(self, *_):
            return [] if _ else self

        def register(self, *_):
            pass

    clock = Clock(tcp)
    site = Site()
    system = tcp.socket
    tcp.socket = Settings(socket=Mute, getaddrinfo=system.getaddrinfo)
    tcp.select = Never()
    await site.modem.start()
    connecting = asyncio.create_task(site.modem.connect(HOST, 9))
    assert await until(lambda: site.network.links and site.network.link.isconnected())
    await asyncio.sleep_ms(100)
    assert not connecting.done()
    clock.ahead_ms += LIMIT_MS
    assert "no answer within 60 s" in await raises_async(ModemError, connecting)
    assert site.is_tidy(), site.network.wrong


async def test_a_half_open_connection_takes_no_data_for_ever():
    # The link says that all is well, but nothing gets through.
    clock = Clock(tcp)
    site = Site()
    transport = await site.online(silence)
    sending = asyncio.create_task(flood(transport))
    await asyncio.sleep_ms(300)
    assert not sending.done()
    clock.ahead_ms += LIMIT_MS
    assert await sending == "the network takes no data for 60 s"
    await transport.close()
    assert site.is_tidy(), site.network.wrong


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

    transport = tcp.Connection(lambda: None)
    transport._socket = narrow = Narrow()
    data = os.urandom(100)
    await transport.send(data)
    assert narrow.taken == data


async def test_a_reader_may_be_cancelled_while_it_waits():
    site = Site()
    transport = await site.online()
    reading = asyncio.create_task(transport.read())
    await asyncio.sleep_ms(20)
    reading.cancel()
    await transport.close()
    assert site.is_tidy(), site.network.wrong


# --- The choice -------------------------------------------------------------------------------

CONFIGURATION = (
    '{"version": 1, "device": "a1b2c3d4e5f6", "utc_offset": "+00:00", "buses": [{}],'
    ' "meters": [{"number": 1, "address": "000000000001", "bus": 1}],'
    ' "tasks": [{"name": "t", "items": ["voltage.a"], "every": 900}],'
    ' "uplink": {"host": "b", "apn": "a"%s}}'
)


class Board:
    NAME = "test"
    BUSES = 1

    def __init__(self, more):
        self._path = "/tmp/concentrator-test-ppp-%d.json" % random.getrandbits(30)
        with open(self._path, "w") as file:
            file.write(CONFIGURATION % more)

    def configuration(self):
        return self._path

    def bus(self, number, baud):
        return Port(lambda request: [])

    def modem(self):
        return CellularModem()

    def journal_flash(self):
        return RamFlash(8)

    def random_bytes(self, count):
        return os.urandom(count)

    def utc_ms(self):
        return None

    def set_utc_ms(self, ms):
        pass


class BoardWithPPP(Board):
    PPP = Link


class BoardWithoutPPP(Board):
    PPP = None


def modem_of(board):
    try:
        return app.Application(board).modem
    finally:
        os.remove(board.configuration())


def test_the_configuration_chooses_the_transport():
    assert isinstance(modem_of(BoardWithPPP(', "transport": "ppp"')), ppp.Modem)
    for board in (Board, BoardWithPPP):
        for more in ("", ', "transport": "at"'):
            assert not isinstance(modem_of(board(more)), ppp.Modem)


def test_a_board_without_ppp_says_so():
    for board in (Board, BoardWithoutPPP):
        text = raises(ConfigError, modem_of, board(', "transport": "ppp"'))
        assert 'uplink.transport is "ppp", which board test does not have; use "at"' in text, text
