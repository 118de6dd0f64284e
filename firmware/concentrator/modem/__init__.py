"""Modems: what all of them have in common.

A modem has the coroutines `run()` (for ever, a task of its own), `start()` (into the network),
`refresh()` (signal, operator, time), `connect(host, port)` and `hang_up()`, and the attributes
`signal` (as AT+CSQ gives it) and `operator`. What connect() returns is a transport: `send(data)`,
`read()` and `close()`, all of them coroutines. A task that is in connect() or uses the transport
may be cancelled; hang_up() ends what it left. `quectel` and `ppp` are the two kinds there are.
"""


class ModemError(Exception):
    """The modem, its network or a connection failed; the text says which and why.

    `final` is the result code that a command ended with, None when it got none.
    """

    def __init__(self, text, final=None):
        super().__init__(text)
        self.final = final
