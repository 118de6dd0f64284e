# Relay, speed and address: what is done when, and what is told of it. The meter is scripted.

import asyncio

import dlt645
from concentrator import quality
from concentrator.bus import Bus
from concentrator.protocols import dlt645_procedures as procedures
from concentrator.protocols.dlt645_arguments import WILDCARD, Access
from fakes import Port, Settings, raises_async

METER = "123456789012"
OTHER = "123456789013"
NEW = "000000000777"
ACCESS = Access(2, b"\0\0\0")
NOW = (2026, 3, 1, 12, 0, 0)
EVE = (2026, 3, 1, 12, 5, 0)
OPEN = 0x50  # status word 3: told to open, and open
STATUS = b"\x03\x05\x00\x04"


class Meter:
    # Answers at its speed, does what it is told, and keeps what it was asked.

    def __init__(self, status=0):
        self.asked = []  # control codes
        self.status = status
        self.address = METER
        self.speed = 2400
        self.status_after = {}  # by how many readings later the status becomes what
        self.on_relay = lambda meter, action: b""  # what it does, and its error word if it refuses
        self.on_speed = lambda meter, word: word  # None, here and above: no answer
        self.on_address = lambda meter, new: True
        self.deaf_to = ()  # control codes

    def answer(self, speed, wire):
        if speed != self.speed:
            return []
        address, control, data = dlt645.parse(wire)
        self.asked.append(control)
        if control in self.deaf_to or address not in (self.address, WILDCARD):
            return []
        said = self.say(control, data)
        if said is None:
            return []
        control, data = said
        return [b"\xfe\xfe" + dlt645.frame(self.address, control, data)]

    def say(self, control, data):
        if control == 0x11:
            if data != STATUS:
                return 0x91, data + bytes(4)
            self.status = self.status_after.pop(len(self.asked), self.status)
            return 0x91, data + self.status.to_bytes(2, "little")
        if control == 0x01:
            return 0x81, data + bytes(4)
        if control == 0x13:
            return 0x93, wire_address(self.address)
        if control == 0x1C:
            error = self.on_relay(self, data[8])
            return None if error is None else (0xDC if error else 0x9C, error)
        if control in (0x17, 0x0C):
            word = self.on_speed(self, data)
            return None if word is None else (control | 0x80, word)
        if control in (0x15, 0x0A):
            if not self.on_address(self, data):
                return None
            self.address = NEW
            return control | 0x80, b""
        raise AssertionError("%02X" % control)


def wire_address(address):
    return bytes([int(address[i : i + 2], 16) for i in range(10, -1, -2)])


def line(meter, timeout_ms=20):
    # (bus, [speeds it was opened at]).
    opened = []

    def open_port(number, baud):
        assert number == 1
        opened.append(baud)
        return Port(lambda wire: meter.answer(baud, wire))

    settings = Settings(baud=2400, timeout_ms=timeout_ms, retries=0, preamble=0, pause_ms=0)
    bus = Bus(1, open_port(1, 2400), settings, open_port)
    opened.clear()
    return bus, opened


# --- Relay --------------------------------------------------------------------------------------


def moves(meter, action):
    meter.status = {0x1A: OPEN, 0x1B: 0x10, 0x1C: 0, 0x1D: OPEN, 0x2A: 0x80, 0x2B: 0}[action]
    return b""


def moves_silently(meter, action):
    moves(meter, action)


async def switch(meter, action, wait_ms=0, **arguments):
    bus, _ = line(meter)
    return await procedures.switch_relay(
        bus, METER, ACCESS, action, EVE, NOW, wait_ms=wait_ms, **arguments
    )


async def test_a_relay_that_has_moved_is_done():
    for action, before, after in (
        ("trip", 0, OPEN),
        ("close", OPEN, 0),
        ("allow", OPEN, 0x10),
        ("alarm", 0, 0x80),
        ("alarm-off", 0x80, 0),
    ):
        meter = Meter(before)
        meter.on_relay = moves
        report = await switch(meter, action)
        assert (report.outcome, report.status) == (procedures.DONE, after), action
        assert meter.asked == [0x11, 0x1C, 0x11]


async def test_accepted_is_not_done():
    for status in (0, 0x40):  # not even told, told but still closed
        meter = Meter()
        meter.status_after = {3: status}
        report = await switch(meter, "trip")
        assert (report.outcome, report.status) == (procedures.ACCEPTED, status)
        assert meter.asked == [0x11, 0x1C, 0x11]


async def test_a_slow_relay_is_looked_at_until_it_has_moved():
    meter = Meter()
    meter.status_after = {3: 0x40, 4: OPEN}
    report = await switch(meter, "trip", wait_ms=5000)
    assert report.outcome == procedures.DONE
    assert meter.asked == [0x11, 0x1C, 0x11, 0x11]


async def test_looking_ends_when_the_time_is_over():
    meter = Meter()
    report = await switch(meter, "trip", wait_ms=1500)
    assert report.outcome == procedures.ACCEPTED
    assert meter.asked == [0x11, 0x1C, 0x11, 0x11]


async def test_a_command_without_an_answer_is_never_sent_again():
    meter = Meter()
    meter.on_relay = moves_silently
    assert (await switch(meter, "trip")).outcome == procedures.DONE
    assert meter.asked == [0x11, 0x1C, 0x11]
    meter = Meter()
    meter.deaf_to = (0x1C,)
    report = await switch(meter, "trip")
    assert (report.outcome, report.status) == (procedures.UNKNOWN, 0)
    assert meter.asked == [0x11, 0x1C, 0x11]


async def test_asking_again_for_what_is_so_already_sends_nothing():
    for action, status in (("trip", OPEN), ("close", 0), ("allow", 0x10), ("alarm", 0x80)):
        meter = Meter(status)
        report = await switch(meter, action)
        assert (report.outcome, report.status) == (procedures.ALREADY, status), action
        assert meter.asked == [0x11]


async def test_a_new_pause_is_sent_to_an_open_relay_and_what_it_was_is_no_proof():
    meter = Meter(OPEN)
    report = await switch(meter, "trip-close", pause_min=5)
    assert report.outcome == procedures.ACCEPTED
    meter.deaf_to = (0x1C,)
    assert (await switch(meter, "trip-close", pause_min=5)).outcome == procedures.UNKNOWN
    meter = Meter()
    meter.on_relay = moves
    assert (await switch(meter, "trip-close", pause_min=5)).outcome == procedures.DONE


async def test_a_meter_without_the_bit_for_kept_power_has_accepted_at_most():
    for action in ("keep", "keep-off"):
        assert (await switch(Meter(), action)).outcome == procedures.ACCEPTED
    meter = Meter(0x1000)
    meter.status_after = {3: 0}
    assert (await switch(meter, "keep-off")).outcome == procedures.DONE


async def test_a_refused_command_is_told_with_its_error():
    meter = Meter()
    meter.on_relay = lambda meter, action: b"\x04"
    report = await switch(meter, "trip", wait_ms=5000)
    assert (report.outcome, report.error, report.status) == (procedures.REFUSED, 4, 0)
    assert report.error_names == ("password wrong or not authorised",)
    assert meter.asked == [0x11, 0x1C]


async def test_nothing_is_sent_to_a_meter_whose_status_cannot_be_read():
    meter = Meter()
    meter.deaf_to = (0x11,)
    report = await switch(meter, "trip")
    assert (report.outcome, report.status) == (procedures.NOT_SENT, None)
    assert meter.asked == [0x11]


async def test_a_meter_that_falls_silent_after_it_has_accepted_is_told_without_a_status():
    meter = Meter()

    def deafens(meter, action):
        meter.deaf_to = (0x11,)
        return b""

    meter.on_relay = deafens
    report = await switch(meter, "trip")
    assert (report.outcome, report.status) == (procedures.ACCEPTED, None)


async def test_wrong_relay_arguments_send_nothing():
    meter = Meter()
    bus, _ = line(meter)
    for address, action, deadline, sentence in (
        (METER, "trip", NOW, "the deadline has passed"),
        (METER, "trip", (2026, 3, 1, 11, 59, 59), "the deadline has passed"),
        (METER, "open", EVE, "the relay's action"),
        (WILDCARD, "trip", EVE, "the address is not one meter's"),
        ("9" * 12, "trip", EVE, "the address is not one meter's"),
        (METER, "trip", (0, 0, 0, 0, 0, 0), "the deadline is no year"),
    ):
        message = await raises_async(
            ValueError, procedures.switch_relay(bus, address, ACCESS, action, deadline, NOW)
        )
        assert message.startswith(sentence), message
    assert meter.asked == []


# --- Speed --------------------------------------------------------------------------------------


def changes(meter, word):
    meter.speed = 9600
    return word


def changes_silently(meter, word):
    meter.speed = 9600


async def found_after(meter, edition=2007, baud=9600):
    bus, opened = line(meter)
    report = await procedures.change_speed(bus, METER, baud, edition)
    assert bus.baud == 2400
    return report, opened


async def test_a_meter_is_found_at_its_new_speed_and_the_bus_goes_back_to_its_own():
    for edition in (2007, 1997):
        for change in (changes, changes_silently):
            meter = Meter()
            meter.on_speed = change
            report, opened = await found_after(meter, edition)
            assert (report.found, report.error, opened) == (9600, 0, [9600])


async def test_a_meter_that_confirms_and_stays_is_found_at_its_old_speed():
    report, opened = await found_after(Meter())
    assert (report.found, report.error, opened) == (2400, 0, [9600, 2400])


async def test_a_meter_that_knows_nothing_of_it_is_found_at_its_old_speed():
    meter = Meter()
    meter.deaf_to = (0x17,)
    assert (await found_after(meter))[0].found == 2400


async def test_a_refused_speed_opens_no_port():
    meter = Meter()
    meter.say = lambda control, data: (control | 0xC0, b"\x08")
    report, opened = await found_after(meter)
    assert (report.found, report.error, opened) == (2400, 8, [])
    assert report.error_names == ("baud rate cannot be changed",)
    assert meter.asked == [0x17]


async def test_a_meter_that_is_lost_is_found_nowhere():
    meter = Meter()

    def leaves(meter, word):
        meter.speed = 600
        return word

    meter.on_speed = leaves
    assert (await found_after(meter))[0].found is None


async def test_a_meter_that_refuses_to_be_read_is_there_all_the_same():
    meter = Meter()
    say = meter.say
    meter.on_speed = changes
    meter.say = lambda control, data: (0xD1, b"\x02") if control == 0x11 else say(control, data)
    assert (await found_after(meter))[0].found == 9600


async def test_a_meter_of_its_own_speed_is_changed_and_switched_at_that():
    meter = Meter()
    meter.speed = 1200
    bus, _ = line(meter)
    assert await procedures.read_relay_status(bus, METER) == (quality.TIMEOUT, None)
    meter.on_relay = moves
    report = await procedures.switch_relay(bus, METER, ACCESS, "trip", EVE, NOW, baud=1200)
    assert report.outcome == procedures.DONE
    meter.on_speed = changes
    assert (await procedures.change_speed(bus, METER, 9600, baud=1200)).found == 9600
    assert await procedures.write_address(bus, METER, NEW, baud=9600) == quality.GOOD
    assert bus.baud == 2400


async def test_a_speed_that_cannot_be_opened_leaves_the_bus_at_its_own():
    bus, _ = line(Meter())
    open_port = bus._open_port

    def only_the_old(number, baud):
        if baud != 2400:
            raise OSError(22)
        return open_port(number, baud)

    bus._open_port = only_the_old
    assert (await procedures.change_speed(bus, METER, 9600)).found == 2400
    assert bus.baud == 2400
    assert (await procedures.read_relay_status(bus, METER)) == (quality.GOOD, 0)


async def test_wrong_speeds_send_nothing():
    meter = Meter()
    bus, opened = line(meter)
    for address, baud, edition in (
        (METER, 2400, 2007),  # it has that
        (METER, 300, 2007),
        (METER, 19200, 1997),
        (WILDCARD, 9600, 2007),
    ):
        change = procedures.change_speed(bus, address, baud, edition)
        await raises_async(ValueError, change)
    assert (meter.asked, opened) == ([], [])


async def test_a_bus_does_not_change_its_speed_in_the_middle_of_a_transaction():
    bus, _ = line(Meter(), timeout_ms=200)
    reading = asyncio.create_task(procedures.read_relay_status(bus, OTHER))
    await asyncio.sleep_ms(20)

    async def change():
        bus.set_speed(9600)

    message = await raises_async(RuntimeError, change())
    assert message == "bus 1: a transaction is under way"
    assert await reading == (quality.TIMEOUT, None)
    assert bus.baud == 2400


# --- Address ------------------------------------------------------------------------------------


async def new_address(meter, old=METER, edition=2007):
    bus, _ = line(meter)
    return await procedures.write_address(bus, old, NEW, edition)


async def test_a_new_address_is_good_when_the_meter_answers_at_it():
    meter = Meter()
    assert await new_address(meter) == quality.GOOD
    assert meter.asked == [0x13, 0x15, 0x13]
    meter = Meter()
    assert await new_address(meter, edition=1997) == quality.GOOD
    assert meter.asked == [0x0A, 0x01]


async def test_a_meter_without_its_key_pressed_keeps_its_address_and_that_is_told():
    for edition, asked in ((2007, [0x13, 0x15, 0x13]), (1997, [0x0A, 0x01, 0x01])):
        meter = Meter()
        meter.on_address = lambda meter, new: False
        assert await new_address(meter, edition=edition) == quality.REFUSED
        assert meter.asked == asked


async def test_no_address_is_written_when_another_meter_is_on_the_line_or_none():
    meter = Meter()
    assert await new_address(meter, OTHER) == quality.WRONG
    assert meter.asked == [0x13]
    meter = Meter()
    meter.deaf_to = (0x13,)
    assert await new_address(meter) == quality.TIMEOUT
    assert meter.asked == [0x13]


async def test_a_meter_that_is_gone_after_it_was_told_is_a_timeout():
    for edition in (2007, 1997):
        meter = Meter()

        def vanishes(meter, new):
            meter.speed = 0

        meter.on_address = vanishes
        assert await new_address(meter, edition=edition) == quality.TIMEOUT


async def test_addresses_that_are_none_send_nothing():
    meter = Meter()
    bus, _ = line(meter)
    for old, new, edition in (
        (WILDCARD, NEW, 2007),
        (METER, WILDCARD, 2007),
        ("9" * 12, NEW, 2007),
        (METER, "9" * 12, 2007),
        ("AAAAAA789012", NEW, 2007),
        (WILDCARD, NEW, 1997),
        (METER, "777", 1997),
    ):
        await raises_async(ValueError, procedures.write_address(bus, old, new, edition))
    assert meter.asked == []
