"""Runs on the board: the frame codec written plainly in MicroPython, to hold ours against.

It makes and takes the same frames as the C module `dlt645`, as far as an energy answer needs it.
"""


def encode(buffer, address, control, data, preamble):
    """Write wake-up bytes and a frame into the buffer; returns the bytes written."""
    at = 0
    while at < preamble:
        buffer[at] = 0xFE
        at += 1
    first = at
    buffer[at] = 0x68
    at += 1
    for i in range(10, -2, -2):
        buffer[at] = int(address[i : i + 2], 16)
        at += 1
    buffer[at] = 0x68
    buffer[at + 1] = control
    buffer[at + 2] = len(data)
    at += 3
    for byte in data:
        buffer[at] = (byte + 0x33) & 0xFF
        at += 1
    total = 0
    for i in range(first, at):
        total += buffer[i]
    buffer[at] = total & 0xFF
    buffer[at + 1] = 0x16
    return at + 2


def find(line):
    """Place of the first good frame in the bytes received; -1 without one."""
    for start in range(len(line) - 11):
        if line[start] != 0x68 or line[start + 7] != 0x68 or line[start + 9] > 200:
            continue
        end = start + 10 + line[start + 9]
        if end + 2 > len(line) or line[end + 1] != 0x16:
            continue
        total = 0
        for i in range(start, end):
            total += line[i]
        if total & 0xFF == line[end]:
            return start
    return -1


def decode(line, address, control, identifier):
    """The number in the answer to a read of 4 bytes; None when it is not the answer."""
    start = find(line)
    if start < 0 or line[start + 8] != control or line[start + 9] != 8:
        return None
    for i in range(6):
        if line[start + 1 + i] != int(address[10 - 2 * i : 12 - 2 * i], 16):
            return None
    for i in range(4):
        if (line[start + 10 + i] - 0x33) & 0xFF != identifier[i]:
            return None
    number = 0
    for i in range(start + 17, start + 13, -1):
        byte = (line[i] - 0x33) & 0xFF
        if byte >> 4 > 9 or byte & 0x0F > 9:
            return None
        number = number * 100 + (byte >> 4) * 10 + (byte & 0x0F)
    return number
