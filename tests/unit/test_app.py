# The composition root: what the configuration chooses, and what becomes of failures.

import asyncio
import os
import random

from cellular_modem import CellularModem
from concentrator import app
from concentrator.config import ConfigError
from concentrator.contact import Contact
from concentrator.modem import ppp
from fakes import Port, RamFlash, raises

CONFIGURATION = (
    '{"version": 1, "device": "a1b2c3d4e5f6", "utc_offset": "+00:00", "buses": [{}],'
    ' "meters": [{"number": 1, "address": "000000000001", "bus": 1}],'
    ' "tasks": [{"name": "t", "items": ["voltage.a"], "every": 900}],'
    ' "uplink": {"host": "b", "apn": "a"%s}}'
)


class Board:
    NAME = "test"
    BUSES = 1

    class BoardError(Exception):
        pass

    def __init__(self, more=""):
        self.restarts = 0
        self._path = "/tmp/concentrator-test-app-%d.json" % random.getrandbits(30)
        with open(self._path, "w") as file:
            file.write(CONFIGURATION % more)

    def remove(self):
        os.remove(self._path)

    def claim(self):
        pass

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

    def restart(self):
        self.restarts += 1

    async def stop_requested(self):
        pass


# --- The transport ----------------------------------------------------------------------------


class BoardWithPPP(Board):
    class PPP:
        pass


class BoardWithoutPPP(Board):
    PPP = None


def modem_of(board):
    try:
        return app.Application(board).modem
    finally:
        board.remove()


def test_the_configuration_chooses_the_transport():
    assert isinstance(modem_of(BoardWithPPP(', "transport": "ppp"')), ppp.Modem)
    for board in (Board, BoardWithPPP):
        for more in ("", ', "transport": "at"'):
            assert not isinstance(modem_of(board(more)), ppp.Modem)


def test_a_board_without_ppp_says_so():
    for board in (Board, BoardWithoutPPP):
        text = raises(ConfigError, modem_of, board(', "transport": "ppp"'))
        assert 'uplink.transport is "ppp", which board test does not have; use "at"' in text, text


# --- Pulse inputs -----------------------------------------------------------------------------

PULSES = (
    '}, "pulses": {"inputs": [{"number": 201, "input": %d, "item": "voltage.a", "constant": 1}]'
)


class BoardWithPulses(Board):
    PULSE_INPUTS = 2

    def pulse_inputs(self, wanted):
        return [Contact(width_ms) for _, width_ms in wanted]


def test_a_board_says_what_pulse_inputs_it_has():
    for board, has in ((Board, "has none"), (BoardWithPulses, "has inputs 1 to 2")):
        text = raises(ConfigError, modem_of, board(PULSES % 3))
        assert "pulses.inputs[0].input is 3; board test " + has in text, text


async def leave(*_):
    return True


def test_pulse_inputs_are_saved_at_an_orderly_stop():
    board = BoardWithPulses(PULSES % 2)
    application = app.Application(board)
    application.uplink.drain = leave
    application.uplink.close = leave
    saves = []
    application.pulses.save = lambda: saves.append(True)
    asyncio.run(application.run())
    board.remove()
    assert saves == [True]


# --- The end ----------------------------------------------------------------------------------


def ended(board):
    # (exit code, restarts); nothing is to come out of main().
    try:
        return app.main(board), board.restarts
    finally:
        board.remove()


def failing(error):
    def fail(*_):
        raise error

    return fail


def test_an_orderly_stop():
    class Drained(app.Uplink):
        async def drain(self, limit_s):
            return self.drained

    app.Uplink = Drained
    for drained, code in ((True, 0), (False, 1)):
        Drained.drained = drained
        assert ended(Board()) == (code, 0)


def test_what_the_technician_has_to_mend_gives_the_prompt():
    board = Board(', "transport": "ppp"')
    assert ended(board) == (2, 0)
    board = Board()
    board.claim = failing(board.BoardError("in use"))
    assert ended(board) == (2, 0)
    board = Board()
    flash = RamFlash(8)
    flash.writeblocks(5, b"holds something else")
    board.journal_flash = lambda: flash
    assert ended(board) == (2, 0)


def test_ctrl_c_gives_the_prompt():
    for where in ("bus", "stop_requested"):
        board = Board()
        setattr(board, where, failing(KeyboardInterrupt()))
        assert ended(board) == (130, 0)


def test_whatever_else_fails_at_the_start_ends_in_a_restart():
    for error in (MemoryError(), OSError(5), ValueError("what?")):
        for where in ("claim", "bus", "modem", "journal_flash", "random_bytes"):
            board = Board()
            setattr(board, where, failing(error))
            assert ended(board) == (3, 1), (error, where)


def test_whatever_fails_later_ends_in_a_restart():
    class Broken(app.Application):
        async def run(self):
            await asyncio.sleep_ms(1)
            raise self.error

    app.Application = Broken
    # A board's error is the technician's to mend at the start only.
    for error in (MemoryError(), OSError(5), Board.BoardError("late")):
        Broken.error = error
        assert ended(Board()) == (3, 1), error


def test_a_part_that_dies_ends_in_a_restart():
    class Dying(app.Health):
        async def watch(self):
            raise MemoryError

    app.Health = Dying
    board = Board()
    board.stop_requested = asyncio.Event().wait  # never
    assert ended(board) == (3, 1)
