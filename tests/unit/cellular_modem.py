"""A cellular modem at the other end of a serial port: commands, data mode and the way out."""

import asyncio
from time import ticks_diff, ticks_ms

SPEEDUP = 20  # of the firmware's sleeps while a HurriedAsyncio is in place
GUARD_MS = 1000 // SPEEDUP  # silence around "+++"


class HurriedAsyncio:
    """In place of the module asyncio in a module under test: its sleeps are short."""

    def __getattr__(self, name):
        return getattr(asyncio, name)

    def sleep_ms(self, ms):
        return asyncio.sleep_ms(ms // SPEEDUP)

    def sleep(self, seconds):
        return asyncio.sleep_ms(10 * seconds)


class CellularModem:
    """Answers what `answers` says: {command: answer}; other commands with OK."""

    def __init__(self):
        self.answers = {
            "ATI": "Maker\r\nModel\r\nRevision: 1\r\n\r\nOK",
            "AT+CPIN?": "+CPIN: READY\r\n\r\nOK",
            "AT+CEREG?": "+CEREG: 0,1\r\n\r\nOK",
            "AT+CSQ": "+CSQ: 20,99\r\n\r\nOK",
            "AT+COPS?": '+COPS: 0,0,"OPERATOR",7\r\n\r\nOK',
            "AT+CCLK?": '+CCLK: "26/11/20,08:00:00+32"\r\n\r\nOK',
            "ATD*99***1#": "CONNECT 115200",
        }
        self.commands = []
        self.online = False  # in data mode
        self.behind_connect = b""  # what PPP sends the moment the modem is on-line
        self.uplink = b""  # bytes that came in data mode
        self.handlers = []  # what port.irq() was called with
        self._input = b""
        self._output = b""
        self._written = ticks_ms()  # when the last byte came
        self._writes = 0

    # The port

    def write(self, buffer, count):
        data = bytes(memoryview(buffer)[:count])
        silent = ticks_diff(ticks_ms(), self._written) >= GUARD_MS
        self._written = ticks_ms()
        self._writes += 1
        if self.online:
            self.uplink += data
            if data == b"+++" and silent:
                asyncio.create_task(self._escape(self._writes))
            return count
        self._input += data
        while b"\r" in self._input and not self.online:
            line, self._input = self._input.split(b"\r", 1)
            at = line.find(b"AT")
            if at >= 0:
                self._execute(line[at:].decode())
        return count

    def readinto(self, buffer):
        if not self._output:
            return None  # as machine.UART does
        count = min(len(buffer), len(self._output))
        buffer[:count] = self._output[:count]
        self._output = self._output[count:]
        return count

    def irq(self, handler=None, trigger=0):
        self.handlers.append(handler)

    # The modem

    def say(self, data):
        self._output += data
        if self.handlers and self.handlers[-1] is not None:
            self.handlers[-1](self)

    def hang_up(self):
        # Back to commands by itself, because the data connection has ended.
        self.online = False
        self.say(b"\r\nNO CARRIER\r\n")

    async def _escape(self, writes):
        await asyncio.sleep_ms(GUARD_MS)
        if self._writes == writes:
            self.online = False
            self.say(b"\r\nOK\r\n")

    def _execute(self, command):
        self.commands.append(command)
        answer = self.answers.get(command, "OK")
        self.say(b"\r\n" + answer.encode() + b"\r\n")
        if command.startswith("ATD") and answer.startswith("CONNECT"):
            self.online = True
            self.say(self.behind_connect)
