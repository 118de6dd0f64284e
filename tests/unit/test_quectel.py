# A modem with TCP sockets of its own: into the network, a connection, and what a reset leaves.

import asyncio

from cellular_modem import CellularModem, HurriedAsyncio
from concentrator.modem import ModemError, cellular
from concentrator.modem.quectel import Modem
from fakes import Settings, raises_async, until


class QuectelModem(CellularModem):
    """Opens connections with the result `opening`, if any; keeps what is sent."""

    def __init__(self):
        super().__init__()
        self.opening = "0"
        self.expected = 0  # bytes of a send that are still to come
        self.sent = b""

    def write(self, buffer, count):
        data = bytes(memoryview(buffer)[:count])
        if self.expected:
            part, data = data[: self.expected], data[self.expected :]
            self.sent += part
            self.expected -= len(part)
            if not self.expected:
                self.say(b"\r\nSEND OK\r\n")
        if data:
            super().write(data, len(data))
        return count

    def _execute(self, command):
        if command.startswith("AT+QISEND="):
            self.commands.append(command)
            self.expected = int(command.split(",")[1])
            self.say(b"\r\n> ")
            return
        super()._execute(command)
        if command.startswith("AT+QIOPEN=") and self.opening is not None:
            number = command.split(",")[1].encode()
            self.say(b"\r\n+QIOPEN: %s,%s\r\n" % (number, self.opening.encode()))


def start(apn_user=None, apn_password=None):
    cellular.asyncio = HurriedAsyncio()
    port = QuectelModem()
    settings = Settings(apn="cmiot", apn_user=apn_user, apn_password=apn_password)
    modem = Modem(port, settings, lambda utc_ms: None)
    asyncio.create_task(modem.run())
    return modem, port


async def test_into_the_network():
    modem, port = start()
    await modem.start()
    assert port.commands[-3:] == ["AT+QIACT?", 'AT+CGDCONT=1,"IP","cmiot"', "AT+QIACT=1"]
    assert (modem.signal, modem.operator) == (20, "OPERATOR")


async def test_an_access_point_that_wants_a_password():
    modem, port = start("user", "secret, too")
    await modem.start()
    assert port.commands[-2:] == [
        'AT+QICSGP=1,1,"cmiot","user","secret, too",3',
        "AT+QIACT=1",
    ]


async def test_what_is_active_stays_so():
    modem, port = start("user", "secret")
    port.answers["AT+QIACT?"] = '+QIACT: 1,1,1,"10.64.64.1"\r\n\r\nOK'
    await modem.start()
    assert port.commands[-1] == "AT+QIACT?"


async def test_a_connection():
    modem, port = start()
    await modem.start()
    transport = await modem.connect("broker", 1883)
    await transport.send(b"hello")
    assert port.sent == b"hello"
    reading = asyncio.create_task(transport.read())
    port.answers["AT+QIRD=0,1500"] = "+QIRD: 3\r\nbye\r\n\r\nOK"
    port.say(b'\r\n+QIURC: "recv",0\r\n')
    assert await reading == b"bye"
    port.answers["AT+QIRD=0,1500"] = "+QIRD: 0\r\n\r\nOK"
    port.say(b'\r\n+QIURC: "closed",0\r\n')
    assert await raises_async(ModemError, transport.read()) == "closed by the broker"
    await transport.close()
    assert port.commands[-1] == "AT+QICLOSE=0,2"


async def test_a_question_over_udp_beside_the_connection():
    modem, port = start()
    await modem.start()
    transport = await modem.connect("broker", 1883)
    packets = []

    def judge(packet):
        packets.append(packet)
        port.answers["AT+QIRD=1,1500"] = "+QIRD: 4\r\ngood\r\n\r\nOK"
        return packet if packet == b"good" else None

    port.answers["AT+QIRD=1,1500"] = "+QIRD: 3\r\nbad\r\n\r\nOK"
    asking = asyncio.create_task(modem.ask("server", 123, lambda: b"what?", judge, 2000))
    assert await until(lambda: port.sent == b"what?")
    assert 'AT+QIOPEN=1,1,"UDP","server",123,0,0' in port.commands
    port.say(b'\r\n+QIURC: "recv",1\r\n')
    assert await asking == b"good"
    assert packets == [b"bad", b"good"]
    assert port.commands[-1] == "AT+QICLOSE=1,2"
    port.sent = b""
    await transport.send(b"hello")
    assert port.commands[-1] == "AT+QISEND=0,5"


async def test_a_question_without_an_answer_costs_the_connection_nothing():
    modem, port = start()
    await modem.start()
    transport = await modem.connect("broker", 1883)
    assert await modem.ask("server", 123, lambda: b"what?", lambda packet: None, 50) is None
    port.opening = "565"
    text = await raises_async(ModemError, modem.ask("nowhere", 123, bytes, bytes, 50))
    assert text == "nowhere port 123: host name not found"
    port.sent = b""
    await transport.send(b"hello")
    assert port.sent == b"hello"


async def test_hanging_up_while_a_connection_is_made():
    modem, port = start()
    port.opening = None
    await modem.start()
    connecting = asyncio.create_task(modem.connect("broker", 1883))
    assert await until(lambda: port.commands[-1].startswith("AT+QIOPEN="))
    connecting.cancel()
    await raises_async(asyncio.CancelledError, connecting)
    await modem.hang_up()
    assert port.commands[-1] == "AT+QICLOSE=0,2"
    count = len(port.commands)
    await modem.hang_up()  # harmless
    assert len(port.commands) == count


async def test_connections_that_fail_say_why():
    for opening, why in (("566", "refused or host not reachable"), ("999", "error 999")):
        modem, port = start()
        port.opening = opening
        await modem.start()
        text = await raises_async(ModemError, modem.connect("broker", 1883))
        assert text.startswith("broker port 1883: "), text
        assert why in text, text


async def test_a_send_that_a_reset_of_ours_cut_short():
    modem, port = start()
    port.expected = 1460
    await modem.start()
    assert port.expected == 0
    assert port.commands[-1] == "AT+QIACT=1"
    assert await modem._at.command("AT+CSQ") == ["+CSQ: 20,99"]


async def test_a_modem_left_on_line_by_another_firmware():
    modem, port = start()
    port.online = True
    await modem.start()
    assert not port.online
    assert "ATH" in port.commands
    assert modem.signal == 20


async def test_sim_card_and_registration():
    for command, answer, why in (
        ("AT+CPIN?", "+CPIN: SIM PIN\r\n\r\nOK", "SIM card is locked: SIM PIN"),
        ("AT+CPIN?", "+CME ERROR: 10", "no SIM card"),
        ("AT+CEREG?", "+CEREG: 0,3\r\n\r\nOK", "denies registration"),
        ("AT+CEREG?", "+CEREG: 0,2\r\n\r\nOK", "no network within 90 s"),
    ):
        modem, port = start()
        port.answers[command] = answer
        port.answers["AT+CREG?"] = port.answers["AT+CEREG?"].replace("CEREG", "CREG")
        assert why in await raises_async(ModemError, modem.start())


async def test_a_modem_without_power_is_given_up():
    modem, port = start()
    port.write = lambda buffer, count: count
    assert "does not answer AT" in await raises_async(ModemError, modem.start())
