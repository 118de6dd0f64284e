"""Runs on the board: prints how many bytes of heap an open TLS connection holds.

CERTIFICATE (DER) and HOST_NAME stand before this text when it is sent to the board.
"""

import gc

import board
import tls

port = board.modem()
port.init(115200, timeout=5000, rxbuf=4096, txbuf=8192)
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.verify_mode = tls.CERT_REQUIRED
context.load_verify_locations(CERTIFICATE)  # noqa: F821
gc.collect()
before = gc.mem_alloc()
connection = context.wrap_socket(port, server_hostname=HOST_NAME)  # noqa: F821
connection.write(b"ping")
if connection.read(4) != b"ping":
    raise RuntimeError("no answer through TLS")
gc.collect()
print(gc.mem_alloc() - before)
