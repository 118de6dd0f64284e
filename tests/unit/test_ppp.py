# PPP: dialling, the link and what can become of it, and that TCP finds out.
#
# network.PPP is a fake with the states of the real one. Its link leads to this machine's own TCP.

import asyncio
import os

from cellular_modem import CellularModem, HurriedAsyncio
from concentrator.modem import ModemError, cellular, ppp
from fakes import Settings, raises_async, until
from tcp_peer import HOST, Server, Ticks, echo, echoed, flood, silence

ADDRESS = "10.64.64.1"
NO_ADDRESS = "0.0.0.0"
NAME_SERVER = "10.64.64.2"
INACTIVE, ACTIVE, ERROR, CONNECTING, CONNECTED = range(5)
ENDED, WRONG_PASSWORD = 6, 7  # errors of lwIP
FRAME = b"\x7e\xff\x03\xc0\x21\x01\x01\x00\x04\x7e"  # what a modem sends first
LINK_UP_MS = 75000


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
        self.broker = await Server(serve).start()
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


async def test_a_question_over_udp_needs_the_link():
    asked = []

    async def ask(address, port, make, judge, check, wait_ms):
        check()
        asked.append((address, port))
        if port == 7:
            raise OSError(113)
        return judge(make())

    site = Site()
    ppp.udp = Settings(ask=ask)
    text = await raises_async(ModemError, site.modem.ask(HOST, 123, bytes, len, 50))
    assert text == "hung up"
    transport = await site.online()
    assert await site.modem.ask(HOST, 123, lambda: b"what?", len, 50) == 5
    text = await raises_async(ModemError, site.modem.ask(HOST, 7, bytes, len, 50))
    assert text == HOST + ": not reachable (error 113)"
    assert asked == [(HOST, 123), (HOST, 7)]
    await transport.close()


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


async def test_a_name_is_resolved_by_the_server_of_the_link():
    asked = []

    async def resolve(name, server, check):
        asked.append((name, server))
        check()
        if name == "nowhere":
            raise ModemError("there is no such host")
        return HOST

    site = Site()
    ppp.dns = Settings(resolve=resolve)
    broker = await Server(echo).start()
    await site.modem.start()
    transport = await site.modem.connect("broker.example", broker.port)
    await echoed(transport, b"hello")
    await transport.close()
    text = await raises_async(ModemError, site.modem.connect("nowhere", 1))
    assert text == "there is no such host"
    assert asked == [("broker.example", NAME_SERVER), ("nowhere", NAME_SERVER)]
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
    broker = await Server(echo).start()
    await site.modem.start()
    connecting = asyncio.create_task(site.modem.connect(HOST, broker.port))
    assert await until(lambda: site.network.links and site.network.link.isconnected())
    await asyncio.sleep_ms(200)
    assert not connecting.done()
    site.network.address = ADDRESS
    await echoed(await connecting, b"hello")


async def test_a_link_that_does_not_come_about_is_given_up_later_than_lwip_does():
    for outcome in (CONNECTED, CONNECTING):
        clock = Ticks(ppp)
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
    clock = Ticks(ppp)
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


# --- Hanging up -------------------------------------------------------------------------------


async def test_hanging_up_while_a_connection_is_made():
    # Wherever that is: in the dial, in the negotiation, at the name server.
    async def dialling(site):
        site.port.answers["ATD*99***1#"] = ""
        return lambda: site.port.commands[-1:] == ["ATD*99***1#"]

    async def negotiating(site):
        site.network.outcome = CONNECTING
        return lambda: site.network.state() == CONNECTING

    async def resolving(site):
        async def resolve(name, server, check):
            asked.set()
            await asyncio.Event().wait()

        asked = asyncio.Event()
        ppp.dns = Settings(resolve=resolve)
        return asked.is_set

    for stage in (dialling, negotiating, resolving):
        site = Site()
        await site.modem.start()
        reached = await stage(site)
        connecting = asyncio.create_task(site.modem.connect(HOST, 9))
        assert await until(reached), stage
        connecting.cancel()
        await raises_async(asyncio.CancelledError, connecting)
        await site.modem.hang_up()
        assert site.is_tidy(), (stage, site.network.wrong)
        assert await site.modem._at.command("AT+CSQ") == ["+CSQ: 20,99"]


async def test_hanging_up_when_there_is_nothing_to_end():
    site = Site()
    await site.modem.hang_up()
    assert site.port.commands == []
    transport = await site.online()
    await transport.close()
    count = len(site.port.commands)
    await site.modem.hang_up()
    assert len(site.port.commands) == count


async def test_a_dial_that_is_answered_too_late():
    # The modem goes on-line after the dial was given up: hanging up brings it back.
    site = Site()
    await site.modem.start()
    site.port.answers["ATD*99***1#"] = ""
    connecting = asyncio.create_task(site.modem.connect(HOST, 9))
    assert await until(lambda: site.port.commands[-1:] == ["ATD*99***1#"])
    site.port.online = True
    connecting.cancel()
    await raises_async(asyncio.CancelledError, connecting)
    await site.modem.hang_up()
    assert site.port.uplink.endswith(b"+++")
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
