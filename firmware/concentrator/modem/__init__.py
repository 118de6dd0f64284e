"""Modems: what all of them have in common.

A modem has `start()`, `connect(host, port)` and the attributes `signal` and `operator`; what
connect() returns is a transport: `send(data)`, `read()` and `close()`, all of them coroutines.
"""


class ModemError(Exception):
    """The modem, its network or a connection failed; the text says which and why."""
