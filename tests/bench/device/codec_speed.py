"""Runs on the board, behind pure_codec.py: prints the microseconds of encoding and decoding.

COUNT stands before this text when it is sent to the board. The figures, each for one round of a
loop: an empty one; the C module encoding and decoding the energy answer; the same two in plain
MicroPython; the C module receiving a short frame and a long one, and how many bytes longer it is.
"""

import time

import dlt645
from micropython import const

ADDRESS = "123456789012"
ENERGY = const(0x00010000)
NUMBER = 12345678
READ_ANSWER = const(0x91)
IDENTIFIER = b"\x00\x00\x01\x00"
DATA = IDENTIFIER + b"\x78\x56\x34\x12"
PREAMBLE = const(4)
LONG = 200
SHORT = 8

buffer = bytearray(250)
LINE = bytes(buffer[: dlt645.encode(buffer, ADDRESS, READ_ANSWER, DATA, PREAMBLE)])


def since(begun):
    """Microseconds for each of COUNT rounds."""
    return time.ticks_diff(time.ticks_us(), begun) / COUNT  # noqa: F821


def loop():
    """A loop around nothing."""
    begun = time.ticks_us()
    for _ in range(COUNT):  # noqa: F821
        pass
    return since(begun)


def native_encode():
    """The C module makes the answer."""
    encode, into, address, data = dlt645.encode, buffer, ADDRESS, DATA
    begun = time.ticks_us()
    for _ in range(COUNT):  # noqa: F821
        encode(into, address, READ_ANSWER, data, PREAMBLE)
    return since(begun)


def native_decode():
    """The C module finds the frame, judges it and gives the number."""
    values = [None]
    exchange = dlt645.Exchange(LONG, dlt645.Decoder(), values)
    begin, receive = exchange.begin, exchange.receive
    address, line, count = ADDRESS, LINE, len(LINE)
    begin(2007, ADDRESS, ENERGY)
    exchange.request(buffer)
    exchange.listen()
    begun = time.ticks_us()
    for _ in range(COUNT):  # noqa: F821
        begin(2007, address, ENERGY)
        receive(line, count)
    taken = since(begun)
    if values != [NUMBER]:
        raise RuntimeError("the C module reads %r" % values)
    return taken


def pure_encode():
    """Plain MicroPython makes the answer."""
    make, into, address, data = encode, buffer, ADDRESS, DATA  # noqa: F821
    begun = time.ticks_us()
    for _ in range(COUNT):  # noqa: F821
        make(into, address, READ_ANSWER, data, PREAMBLE)
    taken = since(begun)
    if buffer[: len(LINE)] != LINE:
        raise RuntimeError("plain MicroPython makes another answer")
    return taken


def pure_decode():
    """Plain MicroPython finds the frame, judges it and gives the number."""
    take, line, address, identifier = decode, LINE, ADDRESS, IDENTIFIER  # noqa: F821
    begun = time.ticks_us()
    for _ in range(COUNT):  # noqa: F821
        number = take(line, address, READ_ANSWER, identifier)
    taken = since(begun)
    if number != NUMBER:
        raise RuntimeError("plain MicroPython reads %r" % number)
    return taken


def receive(length):
    """The C module takes in a frame of so many data bytes and finds it."""
    line = dlt645.frame(ADDRESS, READ_ANSWER, bytes(length))
    decoder = dlt645.Decoder()
    feed, advance = decoder.feed, decoder.next
    begun = time.ticks_us()
    for _ in range(COUNT):  # noqa: F821
        feed(line)
        found = advance()
    taken = since(begun)
    if not found:
        raise RuntimeError("no frame of %d bytes" % length)
    return taken


for measured in (loop, native_encode, native_decode, pure_encode, pure_decode):
    print(measured(), end=" ")
print(receive(SHORT), receive(LONG), LONG - SHORT)
