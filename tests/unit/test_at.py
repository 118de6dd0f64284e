# The AT command line against a modem that echoes, interrupts itself, dawdles and talks nonsense.

import asyncio
import random
from time import ticks_diff, ticks_ms

from concentrator.modem import ModemError, at
from concentrator.modem.at import CommandLine
from fakes import HANG_MS, Port, Settings, raises_async, seeded, until

PREFIXES = ("+QIURC:", "+QIOPEN:", "RDY")


class Modem(Port):
    # Answers a request with what `answers` says: {request: answer}, None for none; else with OK.

    def __init__(self, answers=None):
        super().__init__(self.respond)
        self.answers = answers or {}
        self.pending = None  # while busy: requests that wait for their turn

    def respond(self, request):
        if self.pending is not None:
            self.pending.append(request)
            return []
        answer = self.answers.get(request, b"\r\nOK\r\n")
        return [answer] if answer else []

    def dawdle(self, data, ms=20):
        # Busy from now on; ends what it does with `data`, then answers what was asked meanwhile.
        async def end():
            await asyncio.sleep_ms(ms)
            self.chunks += [data, b""]
            pending, self.pending = self.pending, None
            for request in pending:
                self.chunks += self.respond(request)

        self.pending = []
        asyncio.create_task(end())

    def say(self, data):
        self.chunks.append(data)

    def say_later(self, data, ms):
        async def later():
            await asyncio.sleep_ms(ms)
            self.say(data)

        asyncio.create_task(later())


def start(answers=None):
    modem = Modem(answers)
    unsolicited = []
    line = CommandLine(modem, PREFIXES, unsolicited.append)
    asyncio.create_task(line.run())
    return line, modem, unsolicited


# --- Answers ----------------------------------------------------------------------------------


async def test_a_command_and_its_lines():
    line, modem, _ = start({b"AT+CSQ\r": b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"})
    assert await line.command("AT+CSQ") == ["+CSQ: 20,99"]
    assert await line.command("AT") == []
    assert modem.requests == [b"AT+CSQ\r", b"AT\r"]


async def test_echo_is_no_answer():
    line, _, _ = start({b"AT+CSQ\r": b"AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n"})
    assert await line.command("AT+CSQ") == ["+CSQ: 20,99"]


async def test_partial_lines():
    answer = b"AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n"
    line, modem, _ = start({b"AT+CSQ\r": None})
    waiting = asyncio.create_task(line.command("AT+CSQ"))
    await asyncio.sleep_ms(5)
    for i in range(len(answer)):
        modem.say(answer[i : i + 1])
        modem.say(b"")
    assert await waiting == ["+CSQ: 20,99"]


async def test_unsolicited_lines_in_the_middle_of_an_answer():
    line, _, unsolicited = start(
        {b"ATI\r": b'\r\nQuectel\r\n+QIURC: "recv",0\r\nEC21\r\n+QIOPEN: 0,0\r\n\r\nOK\r\n'}
    )
    assert await line.command("ATI") == ["Quectel", "EC21"]
    assert unsolicited == ['+QIURC: "recv",0', "+QIOPEN: 0,0"]


async def test_unsolicited_lines_without_a_command():
    _, modem, unsolicited = start()
    modem.say(b'\r\n+QIURC: "closed",0\r\nRDY\r\n')
    assert await until(lambda: len(unsolicited) == 2)
    assert unsolicited == ['+QIURC: "closed",0', "RDY"]
    modem.say(b"\r\nOK\r\nERROR\r\n+CSQ: 1,1\r\n> ")  # nobody asked: goes nowhere
    await asyncio.sleep_ms(20)
    assert len(unsolicited) == 2


async def test_garbage_bytes():
    noise = b"\xff\xfe\x00\x80\r\n\xc3(\r\n" + b"\xa5" * 700
    line, _, _ = start({b"AT+CSQ\r": noise + b"\r\n+CSQ: 20,99\r\n\xf0\x9f\r\nOK\r\n"})
    assert "+CSQ: 20,99" in await line.command("AT+CSQ")


async def test_garbage_is_reported_but_not_line_by_line():
    reports = []
    at._log = Settings(warning=lambda *words: reports.append(words))
    line, modem, _ = start()
    for count in (1, 2):
        modem.say(b"\xff\xfe\r\n" * 100)
        await asyncio.sleep_ms(30)
        await line.command("AT")
        assert len(reports) == count


async def test_errors_have_the_modems_words_but_no_secrets():
    line, _, _ = start(
        {
            b'AT+QICSGP=1,1,"apn","user","secret"\r': b"\r\n+CME ERROR: 50\r\n",
            b"AT+CPIN?\r": b"\r\n+CME ERROR: SIM not inserted\r\n",
            b"AT+X\r": b"\r\nERROR\r\n",
        }
    )
    text = await raises_async(ModemError, line.command('AT+QICSGP=1,1,"apn","user","secret"'))
    assert text == "AT+QICSGP: +CME ERROR: 50"
    text = await raises_async(ModemError, line.command("AT+CPIN?"))
    assert text == "AT+CPIN?: +CME ERROR: SIM not inserted"
    assert await raises_async(ModemError, line.command("AT+X")) == "AT+X: ERROR"
    assert await line.command("AT") == []


async def test_the_first_final_result_counts():
    line, _, _ = start(
        {b"AT+X\r": b"\r\nERROR\r\n\r\nOK\r\n", b"AT+Y\r": b"y\r\nOK\r\nz\r\nERROR\r\n"}
    )
    assert await raises_async(ModemError, line.command("AT+X")) == "AT+X: ERROR"
    assert await line.command("AT+Y") == ["y"]


async def test_commands_wait_for_each_other():
    line, modem, _ = start({b"AT+A\r": None, b"AT+B\r": b"b\r\nOK\r\n"})
    first = asyncio.create_task(line.command("AT+A"))
    second = asyncio.create_task(line.command("AT+B"))
    await asyncio.sleep_ms(20)
    assert modem.requests == [b"AT+A\r"]
    modem.say(b"a\r\nOK\r\n")
    assert await first == ["a"]
    assert await second == ["b"]


# --- Time -------------------------------------------------------------------------------------


async def test_a_deadline():
    line, _, _ = start({b"AT+COPS?\r": None})
    started = ticks_ms()
    text = await raises_async(ModemError, line.command("AT+COPS?", 60))
    assert "no answer to AT+COPS?" in text
    assert 60 <= ticks_diff(ticks_ms(), started) < HANG_MS


async def test_chatter_does_not_extend_a_deadline():
    line, modem, _ = start({b"AT+COPS?\r": None})
    waiting = asyncio.create_task(raises_async(ModemError, line.command("AT+COPS?", 100)))
    started = ticks_ms()
    while not waiting.done():
        modem.say(b'+QIURC: "recv",0\r\nnonsense\r\n')
        await asyncio.sleep_ms(5)
    assert ticks_diff(ticks_ms(), started) < HANG_MS


async def test_a_late_answer_is_not_taken_for_the_next_commands():
    line, modem, _ = start({b"AT+COPS?\r": None, b"AT+CSQ\r": b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"})
    await raises_async(ModemError, line.command("AT+COPS?", 30))
    modem.dawdle(b'\r\n+COPS: 0,0,"CMCC",7\r\n\r\nOK\r\n')
    assert await line.command("AT+CSQ") == ["+CSQ: 20,99"]
    assert await line.command("AT+CSQ") == ["+CSQ: 20,99"]


async def test_a_late_error_is_not_taken_for_the_next_commands():
    line, modem, _ = start({b"AT+QIACT=1\r": None, b"AT+CREG?\r": b"+CREG: 0,1\r\nOK\r\n"})
    await raises_async(ModemError, line.command("AT+QIACT=1", 30))
    modem.dawdle(b"\r\nERROR\r\n")
    assert await line.command("AT+CREG?") == ["+CREG: 0,1"]


async def test_a_modem_that_is_busy_for_longer_than_at_waits():
    line, modem, _ = start({b"AT+COPS?\r": None, b"AT+CSQ\r": b"+CSQ: 9,9\r\nOK\r\n"})
    await raises_async(ModemError, line.command("AT+COPS?", 30))
    modem.dawdle(b"\r\nOK\r\n", 400)  # two AT are answered at once then
    assert await line.command("AT+CSQ") == ["+CSQ: 9,9"]


async def test_an_answer_that_comes_in_place_of_the_one_to_at():
    # Busy with the old command, the modem takes no notice of AT: only one OK comes.
    line, modem, _ = start(
        {b"AT+COPS?\r": None, b"AT\r": None, b"AT+CSQ\r": b"+CSQ: 9,9\r\nOK\r\n"}
    )
    await raises_async(ModemError, line.command("AT+COPS?", 30))
    modem.say_later(b"\r\nOK\r\n", 50)
    assert await line.command("AT+CSQ") == ["+CSQ: 9,9"]


async def test_a_modem_that_stays_silent_is_given_up_in_bounded_time():
    line, modem, _ = start({b"AT\r": None, b"AT+CSQ\r": None})
    await raises_async(ModemError, line.command("AT+CSQ", 30))
    started = ticks_ms()
    await raises_async(ModemError, line.command("AT+CSQ", 30))
    assert ticks_diff(ticks_ms(), started) < HANG_MS
    modem.answers[b"AT\r"] = b"OK\r\n"
    modem.answers[b"AT+CSQ\r"] = b"+CSQ: 1,1\r\nOK\r\n"
    assert await line.command("AT+CSQ") == ["+CSQ: 1,1"]


async def test_a_cancelled_command_does_not_leave_its_answer_to_the_next():
    # The uplink cancels its receiver in the middle of reading when a connection ends.
    line, modem, _ = start({b"AT+QIRD=0,1500\r": None, b"AT+QICLOSE=0\r": b"closed\r\nOK\r\n"})
    reading = asyncio.create_task(line.receive("AT+QIRD=0,1500", "+QIRD: "))
    await asyncio.sleep_ms(10)
    reading.cancel()
    modem.dawdle(b"\r\n+QIRD: 12\r\n\r\nOK\r\nERROR\r\n\r\nOK\r\n")
    assert await line.command("AT+QICLOSE=0") == ["closed"]


async def test_no_detour_while_all_is_well():
    line, modem, _ = start({b"AT+X\r": b"ERROR\r\n"})
    await line.command("AT+A")
    await raises_async(ModemError, line.command("AT+X"))
    await line.command("AT+B")
    assert modem.requests == [b"AT+A\r", b"AT+X\r", b"AT+B\r"]


# --- Prompts and raw data ---------------------------------------------------------------------


async def test_send_waits_for_the_prompt():
    line, modem, _ = start(
        {b"AT+QISEND=0,5\r": b"AT+QISEND=0,5\r\r\n> ", b"hello": b"\r\nSEND OK\r\n"}
    )
    await line.send("AT+QISEND=0,5", b"hello")
    assert modem.requests == [b"AT+QISEND=0,5\r", b"hello"]


async def test_a_prompt_in_pieces_with_lines_around_it():
    line, modem, unsolicited = start(
        {b"AT+QISEND=0,5\r": None, b"hello": b'\r\n+QIURC: "recv",0\r\n\r\nSEND OK\r\n'}
    )
    sending = asyncio.create_task(line.send("AT+QISEND=0,5", b"hello"))
    await asyncio.sleep_ms(10)
    assert modem.requests == [b"AT+QISEND=0,5\r"]
    for part in (b'\r\n+QIURC: "re', b'cv",0\r\n', b"\r\n", b">", b" "):
        modem.say(part)
        modem.say(b"")
    await sending
    assert len(unsolicited) == 2


async def test_send_that_fails():
    line, _, _ = start({b"AT+QISEND=0,5\r": b"> ", b"hello": b"SEND FAIL\r\n"})
    assert "SEND FAIL" in await raises_async(ModemError, line.send("AT+QISEND=0,5", b"hello"))
    line, modem, _ = start({b"AT+QISEND=0,5\r": b"ERROR\r\n"})
    assert "ERROR" in await raises_async(ModemError, line.send("AT+QISEND=0,5", b"hello"))
    assert len(modem.requests) == 1


async def test_an_ok_in_place_of_the_prompt_is_no_success():
    # Otherwise the data would count as sent although the modem never had it.
    line, modem, _ = start({b"AT+QISEND=0,5\r": b"\r\nOK\r\n"})
    await raises_async(ModemError, line.send("AT+QISEND=0,5", b"hello", 100))
    assert b"hello" not in modem.requests


async def test_a_prompt_that_never_comes():
    line, modem, _ = start({b"AT+QISEND=0,5\r": None})
    await raises_async(ModemError, line.send("AT+QISEND=0,5", b"hello", 30))
    modem.dawdle(b"\r\nERROR\r\n")
    assert await line.command("AT+CSQ") == []
    assert b"hello" not in modem.requests


async def test_an_angle_bracket_without_a_prompt_is_a_line():
    line, _, _ = start({b"AT+X\r": b"> 5\r\nOK\r\n"})
    assert await line.command("AT+X") == ["> 5"]


async def test_raw_data_is_not_looked_at():
    for data in (
        b"\r\nOK\r\n",
        b'+QIURC: "closed",0\r\n',
        b"+QIRD: 99\r\nERROR\r\n",
        b"\r\n\r\n> ",
        bytes(range(256)),
        b"",
    ):
        head = b"\r\n+QIRD: %d\r\n" % len(data)
        for pieces in (
            [head + data + b"\r\n\r\nOK\r\n"],
            [head, data[:3], data[3:], b"\r\nOK\r\n"],
        ):
            line, modem, unsolicited = start({b"AT+QIRD=0,1500\r": None})
            modem.answer = lambda request: [p for p in pieces if p]  # noqa: B023
            assert await line.receive("AT+QIRD=0,1500", "+QIRD: ") == data
            assert unsolicited == []
            modem.answer = modem.respond
            assert await line.command("AT") == []


async def test_lengths_of_raw_data_that_are_none():
    for length in (b"-5", b"x", b"", b"1.5", b"99999999", b"5,5"):
        line, _, _ = start({b"AT+QIRD=0,9\r": b"+QIRD: " + length + b"\r\nhello\r\nOK\r\n"})
        try:
            assert await line.receive("AT+QIRD=0,9", "+QIRD: ", 100) == b""
        except ModemError:
            pass
        assert await line.command("AT") == []


async def test_raw_data_cut_short():
    line, modem, _ = start({b"AT+QIRD=0,1500\r": b"+QIRD: 100\r\nonly this"})
    await raises_async(ModemError, line.receive("AT+QIRD=0,1500", "+QIRD: ", 30))
    modem.dawdle(b" and\r\nERROR\r\nthat\r\nOK\r\n")
    assert await line.command("AT+CSQ") == []


# --- Data connections ---------------------------------------------------------------------------


async def test_a_data_connection_has_the_port_from_its_first_byte_on():
    data = b"~\xff\x03data\r\nOK\r\n"
    line, modem, _ = start(
        {b"ATD*99#\r": b"ATD*99#\r\r\nCONNECT 115200\r\n~\xff\x03data\r\nOK\r\n"}
    )
    await line.dial("ATD*99#", 1000)
    assert line.online
    await asyncio.sleep_ms(30)
    assert b"".join(modem.chunks) == data
    assert "data connection" in await raises_async(ModemError, line.command("AT"))
    assert "data connection" in await raises_async(ModemError, line.write_raw(b"+++"))
    assert modem.requests == [b"ATD*99#\r"]


async def test_the_port_is_taken_back():
    line, modem, _ = start(
        {b"ATD*99#\r": b"CONNECT\r\n", b"AT+CSQ\r": b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"}
    )
    await line.dial("ATD*99#", 1000)
    modem.say(b"~\xff\x03\xc0\x21\r\nOK\r\nno line\r\nNO CARRIER\r\n")
    line.resume()
    assert not line.online
    assert await line.command("AT+CSQ") == ["+CSQ: 20,99"]


async def test_dialling_that_ends_otherwise():
    for result in ("NO CARRIER", "BUSY", "NO ANSWER", "ERROR", "+CME ERROR: 30", "OK"):
        line, _, _ = start({b"ATD*99#\r": b"\r\n" + result.encode() + b"\r\n"})
        text = await raises_async(ModemError, line.dial("ATD*99#", 1000))
        assert text.startswith("ATD*99#: " + result), text
        assert not line.online
        assert await line.command("AT") == []
    line, _, _ = start({b"ATD*99#\r": None})
    assert "no answer" in await raises_async(ModemError, line.dial("ATD*99#", 30))


async def test_the_end_of_an_earlier_call_ends_no_command():
    line, _, _ = start({b"AT+CSQ\r": b"\r\nNO CARRIER\r\n\r\n+CSQ: 20,99\r\n\r\nOK\r\n"})
    assert await line.command("AT+CSQ") == ["+CSQ: 20,99"]


async def test_connect_is_a_line_like_any_other_without_dialling():
    line, _, _ = start({b"ATI\r": b"CONNECT 4000\r\nOK\r\n"})
    assert await line.command("ATI") == ["CONNECT 4000"]
    assert not line.online


# --- The port ---------------------------------------------------------------------------------


class Narrow(Modem):
    def __init__(self, width):
        super().__init__()
        self.width = width
        self.taken = b""

    def write(self, buffer, count):
        part = bytes(memoryview(buffer)[: min(count, self.width)])
        self.taken += part
        if self.taken.endswith(b"\r"):
            super().write(self.taken, len(self.taken))
            self.taken = b""
        return len(part)


async def test_a_port_that_takes_little_at_a_time():
    line, _, _ = start()
    port = line._port = Narrow(2)
    assert await line.command("AT+QICLOSE=0") == []
    assert port.requests == [b"AT+QICLOSE=0\r"]


async def test_a_port_that_takes_nothing():
    class Full(Modem):
        def write(self, buffer, count):
            return None  # as machine.UART does

    for port in (Narrow(0), Full()):
        line, _, _ = start()
        line._port = port
        started = ticks_ms()
        assert "takes no data" in await raises_async(ModemError, line.command("AT", 50))
        assert ticks_diff(ticks_ms(), started) < HANG_MS


async def test_a_port_that_says_none_when_nothing_is_there():
    class Uart(Modem):
        def readinto(self, buffer):
            return super().readinto(buffer) or None

    line, _, _ = start()
    line._port = Uart({b"AT+CSQ\r": b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"})
    assert await line.command("AT+CSQ") == ["+CSQ: 20,99"]


async def test_a_port_that_is_gone():
    class Gone(Modem):
        def write(self, buffer, count):
            raise OSError(5)

    line, _, _ = start()
    line._port = Gone()
    assert "serial port" in await raises_async(ModemError, line.command("AT", 50))
    await raises_async(ModemError, line.send("AT+X", b"1", 50))
    await raises_async(ModemError, line.receive("AT+X", "+X", 50))
    await raises_async(ModemError, line.write_raw(b"1"))


# --- Fuzz -------------------------------------------------------------------------------------

PIECES = (
    b"OK", b"ERROR", b"SEND OK", b"+CME ERROR: 3", b"> ", b"+QIRD: 7", b"+QIRD: -1", b"+QIRD: 0",
    b"+QIURC: \"recv\",0", b"AT+CMD", b"\r\n", b"\r", b"\n", b"\xff\x80", b"\0", b"payload", b">",
    b"+QIRD: 4000", b"x" * 300, b"NO CARRIER", b"CONNECT",
)  # fmt: skip


async def one_fuzz_line():
    def answer(request):
        chunks = []
        for _ in range(random.randrange(12)):
            chunks.append(random.choice(PIECES) + (b"\r\n" if random.randrange(2) else b""))
        return chunks

    line, modem, _ = start()
    modem.answer = answer
    results = []
    for _ in range(2):
        kind = random.randrange(4)
        try:
            if kind == 0:
                await line.command("AT+CMD", 100)
            elif kind == 3:
                await line.dial("AT+CMD", 100)
                line.resume()
            elif kind == 1:
                await line.send("AT+CMD", b"payload", 100)
            else:
                data = await line.receive("AT+CMD", "+QIRD: ", 100)
                assert len(data) <= 4096
            results.append(True)
        except ModemError as error:
            assert str(error)
            results.append(False)
    return results


async def test_fuzz_only_modem_errors_come_out_and_nothing_hangs():
    seeded()
    started = ticks_ms()
    results = await asyncio.gather(*[one_fuzz_line() for _ in range(20)])
    assert ticks_diff(ticks_ms(), started) < HANG_MS
    flat = [result for one in results for result in one]
    print(sum(flat), "of", len(flat), "answered")
    assert True in flat
    assert False in flat
