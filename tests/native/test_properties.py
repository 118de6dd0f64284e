# SPDX-License-Identifier: MIT
"""What holds for anything that one can send through the codec: hypothesis looks for exceptions.

The same cases every time (derandomized), so that a failure is one everywhere.
"""

from collections.abc import Iterator

from hypothesis import HealthCheck, assume, configuration, given, settings
from hypothesis import strategies as st

from tests.codec_builds import ROOT
from tests.native.codec_library import (
    DATA_MAX,
    PREAMBLE_MAX,
    Assembly,
    Decoder,
    Frame,
    Request,
    encode,
    number,
    values,
)

configuration.set_hypothesis_home_dir(ROOT / "build" / "hypothesis")
settings.register_profile(
    "codec",
    derandomize=True,
    database=None,
    deadline=None,  # a machine that stalls is no failure
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("codec")

READ = {2007: 0x11, 1997: 0x01}
FOLLOW_UP = {2007: 0x12, 1997: 0x02}
REPEAT_1997 = 0x03
IDENTIFIER_SIZE = {2007: 4, 1997: 2}
FROM_METER, ABNORMAL, MORE = 0x80, 0x40, 0x20

editions = st.sampled_from([2007, 1997])
# Bytes with many of those that frames are made of.
nasty_byte = st.one_of(st.sampled_from([0x68, 0x16, 0xFE, 0x33, 0xCD, 0x00]), st.integers(0, 255))


def nasty_bytes(min_size: int = 0, max_size: int = DATA_MAX) -> st.SearchStrategy[bytes]:
    return st.lists(nasty_byte, min_size=min_size, max_size=max_size).map(bytes)


any_frame = st.builds(Frame, nasty_bytes(6, 6), nasty_byte, nasty_bytes())
# Junk with 68H in it claims bytes of the frames behind it.
junk = st.one_of(
    nasty_bytes(0, 30),
    st.builds(
        lambda a, length: b"\x68" + a + b"\x68\x91" + length, nasty_bytes(6, 6), nasty_bytes(1, 1)
    ),
)
digits = st.integers(0, 99).map(lambda n: n // 10 << 4 | n % 10)
real_address = st.lists(digits, min_size=6, max_size=6).map(bytes)


def frames_in(line: bytes) -> list[Frame]:
    """The frames in a line, one after another: the format in as few words as can be."""
    frames, at = [], 0
    while at + 12 <= len(line):
        length = line[at + 9]
        end = at + 12 + length
        whole = line[at:end]
        if (
            length <= DATA_MAX
            and end <= len(line)
            and whole[0] == whole[7] == 0x68
            and whole[-1] == 0x16
            and whole[-2] == sum(whole[:-2]) % 256
        ):
            data = bytes((byte - 0x33) % 256 for byte in whole[10:-2])
            frames.append(Frame(whole[1:7], whole[8], data))
            at = end
        else:
            at += 1
    return frames


def cut(line: bytes, sizes: list[int]) -> Iterator[bytes]:
    """Cut a line into pieces of these sizes, over and over."""
    at, turn = 0, 0
    while at < len(line):
        size = sizes[turn % len(sizes)]
        yield line[at : at + size]
        at, turn = at + size, turn + 1


@given(frame=any_frame, preamble=st.integers(0, PREAMBLE_MAX))
def test_what_is_encoded_is_a_frame_by_the_format(frame, preamble):
    line = encode(frame, preamble)
    assert line.startswith(b"\xfe" * preamble + b"\x68")
    assert len(line) == preamble + 12 + len(frame.data)
    assert frames_in(line) == [frame]


@given(
    parts=st.lists(st.tuples(junk, any_frame, st.integers(0, 7)), min_size=1, max_size=4),
    rest=junk,
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=5),
)
def test_frames_come_out_whatever_stands_between_them_and_however_they_arrive(parts, rest, sizes):
    line = b"".join(before + encode(frame, wake_up) for before, frame, wake_up in parts) + rest
    found = frames_in(line)
    assert Decoder().frames(cut(line, sizes)) == found
    # Junk that makes a good frame with what follows it is one; else nothing is lost.
    assume(len(found) == len(parts))
    assert found == [frame for _, frame, _ in parts]


@given(
    edition=editions,
    address=real_address,
    identifier=nasty_bytes(4, 4),
    payload=nasty_bytes(0, 190),
    before=junk,
)
def test_an_answer_to_a_read_is_taken_with_what_it_carries(
    edition, address, identifier, payload, before
):
    identifier = identifier[: IDENTIFIER_SIZE[edition]]
    request = Request(edition, address, READ[edition], identifier)
    assert frames_in(request.encode(4)) == [Frame(address, READ[edition], identifier)]

    answer = Frame(address, READ[edition] | FROM_METER, identifier + payload)
    decoder = Decoder()
    frames = decoder.frames([before + encode(answer)])
    assume(frames == [answer])
    decoder.find_one(encode(answer))
    assert request.judge(decoder) == ("answer", payload, 0)


@given(
    edition=editions,
    address=real_address,
    identifier=nasty_bytes(4, 4),
    payload=nasty_bytes(1, 20),
    place=st.integers(0, 10),
    change=st.integers(1, 255),
)
def test_no_other_frame_is_an_answer(edition, address, identifier, payload, place, change):
    """One byte of what the request fixes is another: address, control code or identifier."""
    identifier = identifier[: IDENTIFIER_SIZE[edition]]
    request = Request(edition, address, READ[edition], identifier)
    fixed = bytearray(address + bytes([READ[edition] | FROM_METER]) + identifier)
    fixed[place % len(fixed)] ^= change
    control = fixed[6]
    other = Frame(bytes(fixed[:6]), control, bytes(fixed[7:]) + payload)
    decoder = Decoder()
    decoder.find_one(encode(other))
    verdict, _, _ = request.judge(decoder)
    only_more = control == READ[edition] | FROM_METER | MORE
    refused = control == READ[edition] | FROM_METER | ABNORMAL and len(other.data) == 1
    assert verdict in ("more",) if only_more else verdict not in ("answer", "more")
    assert (verdict == "refused") == refused


def packed(magnitude: int, size: int, sign: int = 0) -> bytes:
    """Packed decimal digits in wire order, the sign in the highest bit."""
    wire = bytearray.fromhex(f"{magnitude:0{2 * size}d}")[::-1]
    wire[-1] |= sign
    return bytes(wire)


@given(size=st.integers(1, 4), data=st.data())
def test_an_unsigned_number_comes_back(size, data):
    magnitude = data.draw(st.integers(0, 100**size - 1))
    assert number(packed(magnitude, size), has_sign=False) == magnitude


@given(size=st.integers(1, 4), negative=st.booleans(), data=st.data())
def test_a_signed_number_comes_back(size, negative, data):
    # The sign takes one digit's highest bit.
    magnitude = data.draw(st.integers(0, 8 * 10 ** (2 * size - 1) - 1))
    wire = packed(magnitude, size, 0x80 if negative else 0)
    assert number(wire, has_sign=True) == (-magnitude if negative else magnitude)


@given(wire=nasty_bytes(1, 4), has_sign=st.booleans())
def test_what_is_no_number_is_not_taken_for_one(wire, has_sign):
    body = wire[:-1] + bytes([wire[-1] & 0x7F]) if has_sign else wire
    digits = body[::-1].hex()
    wanted = "damaged"
    if wire == b"\xff" * len(wire):
        wanted = None
    elif digits.isdecimal():
        wanted = -int(digits) if has_sign and wire[-1] > 0x7F else int(digits)
    assert number(wire, has_sign=has_sign) == wanted


@given(
    item=st.sampled_from([(2007, 0x0001FF00, -2), (1997, 0x901F, -2), (2007, 0x0201FF00, -1)]),
    numbers=st.lists(st.integers(0, 9999), min_size=1, max_size=20),
)
def test_the_numbers_of_a_block_come_back(item, numbers):
    edition, identifier, scale = item
    size = 2 if identifier == 0x0201FF00 else 4
    data = b"".join(packed(one, size) for one in numbers)
    assert values(edition, identifier, data) == [(1, one, scale) for one in numbers]


class MeterInParts:
    """A meter that gives one item in parts, on a line that loses what it is told to lose."""

    def __init__(self, edition: int, address: bytes, identifier: bytes, parts: list[bytes]):
        self.edition, self.address, self.identifier, self.parts = (
            *(edition, address, identifier, parts),
        )
        self.at = 0  # the part sent last

    def answer(self, request: bytes) -> bytes:
        """The answer to one request for the item."""
        (frame,) = frames_in(request)
        assert frame.address == self.address
        sequence = b""
        if frame.control == READ[self.edition]:
            self.at = 0
        elif self.edition == 2007:
            sequence = frame.data[-1:]
            self.at = sequence[0]
        elif frame.control == FOLLOW_UP[1997]:
            self.at += 1
        else:
            assert frame.control == REPEAT_1997
        control = frame.control | FROM_METER | (MORE if self.at < len(self.parts) - 1 else 0)
        data = self.identifier + self.parts[self.at] + sequence
        return encode(Frame(self.address, control, data), 4)


@given(
    edition=editions,
    address=real_address,
    identifier=nasty_bytes(4, 4),
    parts=st.lists(nasty_bytes(1, 4), min_size=1, max_size=8),  # so that neighbours are the same
    losses=st.lists(st.sampled_from(["nothing", "request", "answer"]), max_size=12),
    size_known=st.booleans(),
)
def test_an_item_in_parts_comes_whole_through_losses(
    edition, address, identifier, parts, losses, size_known
):
    identifier = identifier[: IDENTIFIER_SIZE[edition]]
    item = b"".join(parts)
    meter = MeterInParts(edition, address, identifier, parts)
    request = Request(edition, address, READ[edition], identifier)
    expected = len(item) if size_known else 0
    assembly = Assembly(len(item), expected)
    decoder = Decoder()
    progress = "ask"
    losses = iter(losses)
    for _ in range(60):
        sent = assembly.ask(request)
        loss = next(losses, "nothing")
        answer = b"" if loss == "request" else meter.answer(sent)
        if loss != "nothing":
            assembly.lost()
            continue
        decoder.find_one(answer)
        progress = assembly.take(request, decoder)
        if progress == "wrong size":  # without SEQ, a part may be missing
            assert edition == 1997
            assembly = Assembly(len(item), expected)
        elif progress not in ("ask", "again"):
            break
    assert (progress, assembly.item) == ("complete", item)
