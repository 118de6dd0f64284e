# SPDX-License-Identifier: MIT
"""Our codec beside another author's, PyPI `dlt645`: the same bytes, every difference explained."""

import random
from collections import Counter

from dlt645.protocol.protocol import DLT645Protocol

from tests.native.codec_library import DATA_MAX, Decoder, Frame, encode, find_all

SEED = 645
LINES = 20_000
METER = bytes.fromhex("129078563412")

# What may differ, and why. Ours is what the standard and the test vectors ask for.
DIFFERENCES = {
    "longer than 200 bytes": "theirs takes frames of up to 255 data bytes, ours of up to 200, "
    "which is the standard's limit: one wrong byte must not buy a wait for 255",
    "inside such a one": "a good frame that begins inside what theirs took for a longer one",
    "behind an unfinished start": "theirs waits for ever for a start that the bytes end before; "
    "ours looks behind it when the line has been silent",
}


def theirs(line: bytes) -> tuple[list[tuple[int, int]], int]:
    """(place, size) of the frames their parser takes, and the place it waits at in the end."""
    found, left = [], line
    while True:
        remaining, frame = DLT645Protocol.deserialize_with_remaining(left)
        if frame is None:
            return found, len(line) - len(remaining)
        left = remaining
        size = 12 + frame.data_len
        found.append((len(line) - len(left) - size, size))


def explain(line: bytes) -> list[str]:
    """The reasons of all differences on a line; AssertionError for one without a reason."""
    ours, (peers, waits_at) = find_all(line), theirs(line)
    reasons = []
    long_ones = [place for place in peers if place[1] - 12 > DATA_MAX]
    for place in peers:
        if place not in ours:
            assert place in long_ones, f"only theirs, at {place}: {line.hex()}"
            reasons.append("longer than 200 bytes")
    for place in ours:
        if place not in peers:
            inside = any(at < place[0] < at + size for at, size in long_ones)
            assert inside or place[0] >= waits_at, f"only ours, at {place}: {line.hex()}"
            reasons.append("inside such a one" if inside else "behind an unfinished start")
    return reasons


def any_frame(chance: random.Random) -> bytes:
    """A frame, now and then a longer one than the standard has."""
    address = chance.choice([METER, chance.randbytes(6), b"\x68" * 6])
    control = chance.choice([0x91, 0xB1, 0xD1, 0x11, 0x81, chance.randrange(256)])
    length = chance.choice([0, 4, 8, 24, 60, DATA_MAX, 230])
    data = bytearray(chance.randbytes(length))
    if length >= 60 and chance.randrange(4) == 0:
        inner = encode(Frame(METER, 0x91, chance.randbytes(8)))  # a frame inside the frame
        data[10 : 10 + len(inner)] = DLT645Protocol.decode_data(inner)
    return bytes(DLT645Protocol.build_frame(address, control, data, chance.randrange(5)))


def mutate(line: bytes, chance: random.Random) -> bytes:
    """Do to a line what lines do to frames, and a little more."""
    place, other = sorted(chance.randrange(len(line) + 1) for _ in range(2))
    kind = chance.randrange(7)
    if kind == 0:
        return line[:place] + line[other:]  # bytes lost
    if kind == 1:
        return line[:place] + chance.randbytes(chance.randrange(1, 20)) + line[place:]
    if kind == 2:
        return line[:place] + b"\x68" + line[place:]
    if kind == 3:
        return line[:place]  # cut
    damaged = bytearray(line)
    for _ in range(chance.randrange(1, 4)):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    if kind == 4:
        # A header that claims any length.
        start = damaged.find(b"\x68")
        if 0 <= start < len(damaged) - 9:
            damaged[start + 9] = chance.randrange(256)
    return bytes(damaged)


def test_both_find_the_same_frames_but_for_what_is_explained():
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    seen, frames = Counter(), 0
    for _ in range(LINES):
        line = b"".join(any_frame(chance) for _ in range(chance.randrange(1, 4)))
        for _ in range(chance.randrange(3)):
            line = mutate(line or b"\x68", chance)
        seen.update(explain(line))
        frames += len(find_all(line))
    print(f"{frames} frames in {LINES} lines; differences: {dict(seen)}")
    # Every reason is needed, and they are all.
    assert set(seen) == set(DIFFERENCES)


def test_our_streaming_decoder_gives_what_find_gives():
    chance = random.Random(SEED + 1)
    for _ in range(2000):
        line = b"".join(any_frame(chance) for _ in range(2))
        line = mutate(mutate(line, chance) or b"\x68", chance)
        whole = [line[place : place + size] for place, size in find_all(line)]
        assert [encode(frame) for frame in Decoder().frames([line])] == whole
