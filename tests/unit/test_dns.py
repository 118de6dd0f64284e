# Host names against a name server that answers, does not, lies, or talks nonsense.

import asyncio
import random
import socket
import struct
from time import ticks_diff, ticks_ms

from concentrator.modem import ModemError, dns
from fakes import HANG_MS, raises_async, seeded

NAME = "broker.example.net"
FIRST = "127.0.0.1"
SECOND = "127.0.0.2"
WAIT_MS = 60
POINTER = b"\xc0\x0c"  # to the name in the question


class Server:
    # Answers a query with the packets that answer(query) gives.

    def __init__(self, answer, address=FIRST, port=None):
        self.answer = answer
        self.queries = []
        self.senders = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while True:
            self.port = port or random.randrange(20000, 60000)
            try:
                self._socket.bind(socket.getaddrinfo(address, self.port)[0][-1])
                break
            except OSError:
                if port:
                    raise
        self._socket.setblocking(False)
        asyncio.create_task(self._run())

    async def _run(self):
        while True:
            try:
                query, sender = self._socket.recvfrom(512)
            except OSError:
                await asyncio.sleep_ms(1)
                continue
            self.queries.append(query)
            self.senders.append(sender)
            for packet in self.answer(query):
                self._socket.sendto(packet, sender)


def check():
    pass


def resolve(server, name=NAME, check=check):
    return dns.resolve(name, FIRST, check, server.port, WAIT_MS)


def record(address=b"\x0a\x01\x02\x03", name=POINTER, kind=1, family=1, size=None):
    size = len(address) if size is None else size
    return name + struct.pack("!HHIH", kind, family, 0x7FFFFFFF, size) + address


def response(query, *records, flags=0x8180, number=0, question=None, count=None):
    head = struct.pack(
        "!HHHHHH",
        struct.unpack("!H", query)[0] ^ number,
        flags,
        1,
        len(records) if count is None else count,
        0,
        0,
    )
    return head + (query[12:] if question is None else question) + b"".join(records)


async def answered(*records, **more):
    # The address that a server's answer gives, or the text of the refusal.
    server = Server(lambda query: [response(query, *records, **more)])
    try:
        return await resolve(server)
    except ModemError as error:
        return str(error)


# --- Good answers -----------------------------------------------------------------------------


async def test_a_query_and_its_answer():
    server = Server(lambda query: [response(query, record())])
    assert await resolve(server) == "10.1.2.3"
    (query,) = server.queries
    assert query[2:12] == b"\x01\x00\0\1\0\0\0\0\0\0"
    assert query[12:] == b"\x06broker\x07example\x03net\0\0\1\0\1"


async def test_addresses_are_taken_as_they_are():
    for address in ("10.0.0.1", "255.0.0.1", "127.0.0.1"):
        assert await dns.resolve(address, FIRST, check) == address


async def test_aliases_stand_before_the_address():
    alias = record(b"\x04mqtt\x05cloud\xc0\x1a", kind=5)
    other = b"\x04mqtt\x05cloud\x07example\x03net\0"
    assert await answered(alias, record(name=other)) == "10.1.2.3"


async def test_records_of_other_kinds_are_passed_over():
    version_6 = record(b"\x20\1" + b"\0" * 14, kind=28)
    chaos = record(b"\x01\x01\x01\x01", family=3)
    long = record(b"\x01\x01\x01\x01\x01")
    assert await answered(version_6, chaos, long, record()) == "10.1.2.3"


async def test_the_name_may_come_back_in_other_letters():
    def shout(query):
        return [response(query, record(), question=query[12:-4].upper() + query[-4:])]

    assert await resolve(Server(shout)) == "10.1.2.3"


# --- No answers -------------------------------------------------------------------------------


async def test_a_lost_answer_costs_one_wait():
    answers = [[], []]

    def answer(query):
        return answers.pop() if answers else [response(query, record())]

    server = Server(answer)
    assert await resolve(server) == "10.1.2.3"
    assert len(server.queries) == 3


async def test_every_try_has_a_number_and_a_port_of_its_own():
    server = Server(lambda query: [])
    await raises_async(ModemError, resolve(server))
    assert len({query[:2] for query in server.queries}) == len(server.queries)
    assert len(set(server.senders)) == len(server.queries)


async def test_the_answer_to_an_earlier_try_is_not_believed():
    def answer(query):
        first = server.queries[0]
        if query == first:
            return []
        return [response(first, record(b"\6\6\6\6")), response(query, record())]

    server = Server(answer)
    assert await resolve(server) == "10.1.2.3"


async def test_a_server_that_fails_is_asked_again():
    flags = [0x8180, 0x8182]
    server = Server(lambda query: [response(query, record(), flags=flags.pop())])
    assert await resolve(server) == "10.1.2.3"
    assert len(server.queries) == 2


async def test_an_answer_that_will_not_change_is_not_asked_for_again():
    for flags in (0x8183, 0x8180):  # no such name, no address
        server = Server(lambda query: [response(query, flags=flags)])  # noqa: B023
        await raises_async(ModemError, resolve(server))
        assert len(server.queries) == 1


async def test_no_answer_at_all_ends():
    server = Server(lambda query: [])
    started = ticks_ms()
    text = await raises_async(ModemError, resolve(server))
    assert text == NAME + ": no answer from the name server"
    assert 3 <= len(server.queries) < 10
    assert ticks_diff(ticks_ms(), started) < HANG_MS


async def test_no_server_is_known():
    text = await raises_async(ModemError, dns.resolve(NAME, "0.0.0.0", check))
    assert "gave no name server" in text, text


async def test_refusals_have_a_reason():
    assert await answered(flags=0x8183) == NAME + ": there is no host of this name"
    assert await answered(flags=0x8185) == NAME + ": the name server fails (code 5)"
    assert await answered() == NAME + ": the host has no IPv4 address"
    nowhere, group = record(b"\0\0\0\0"), record(b"\xe0\0\0\1")
    assert await answered(nowhere, group) == NAME + ": the host has no IPv4 address"


async def test_waiting_ends_with_the_link():
    def gone():
        if server.queries:
            raise ModemError("the link is gone")

    server = Server(lambda query: [])
    assert await raises_async(ModemError, resolve(server, check=gone)) == "the link is gone"


async def test_names_that_are_none():
    for name in ("", ".", "a..b", ".a", "a.", "x" * 64 + ".net", "1.2.3"):
        text = await raises_async(ModemError, dns.resolve(name, "0.0.0.0", check))
        assert "is no host name" in text or "no name server" in text, text


# --- Lies -------------------------------------------------------------------------------------


async def test_what_does_not_fit_the_question_is_not_believed():
    other = b"\x04evil\x07example\x03net\0\0\1\0\1"
    for lie in (
        {"number": 1},
        {"flags": 0x0180},  # a query
        {"flags": 0xA180},  # another operation
        {"question": other},
        {"question": b"\x06broker\x07example\x03net\0\0\x1c\0\1"},
    ):

        def answer(query):
            return [response(query, record(b"\6\6\6\6"), **lie), response(query, record())]  # noqa: B023

        assert await resolve(Server(answer)) == "10.1.2.3", lie


async def test_another_sender_is_not_believed():
    class Overheard(Server):
        # Somebody else, who sees the query, is quicker than the server itself.
        async def _run(self):
            while True:
                try:
                    query, sender = self._socket.recvfrom(512)
                except OSError:
                    await asyncio.sleep_ms(1)
                    continue
                liar._socket.sendto(response(query, record(b"\6\6\6\6")), sender)
                await asyncio.sleep_ms(WAIT_MS // 2)
                self._socket.sendto(response(query, record()), sender)

    liar = Server(lambda query: [], SECOND)
    assert await resolve(Overheard(None)) == "10.1.2.3"


async def test_answers_cut_short_or_endless_are_survived():
    whole = record()
    for records, count in (
        ([], 1),
        ([], 65535),
        ([whole[:-1]], 1),
        ([whole[:5]], 1),
        ([POINTER[:1]], 1),
        ([record(size=65535)], 3),
        ([b"\x3f" * 400], 65535),
        ([b"\x40" * 400], 65535),
        ([record(name=b"\xc0\x1e")], 1),  # a pointer to itself, and a good address behind it
    ):
        found = await answered(*records, count=count)
        assert found == "10.1.2.3" or "no IPv4 address" in found, found


async def test_fuzz_nothing_but_addresses_and_modem_errors_comes_out():
    seeded()

    def answer(query):
        packets = []
        for _ in range(random.randrange(3)):
            packet = bytearray(response(query, record(kind=5), record()))
            for _ in range(random.randrange(4)):
                packet[random.randrange(len(packet))] = random.getrandbits(8)
            packets.append(bytes(packet[: random.randrange(len(packet) + 1) or None]))
        return packets

    server = Server(answer)

    async def one():
        try:
            address = await dns.resolve(NAME, FIRST, check, server.port, WAIT_MS)
        except ModemError as error:
            assert str(error).startswith(NAME)
            return False
        assert len(address.split(".")) == 4
        return True

    results = []
    for _ in range(2):
        results += await asyncio.gather(*[one() for _ in range(25)])
    print(sum(results), "of", len(results), "resolved")
    assert True in results
