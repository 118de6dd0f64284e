"""A TLS server at the other end of a serial line: it answers what it gets with the same."""

import os
import select
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Self

from host_tools.pseudo_terminal import PseudoTerminal

HOST_NAME = "broker.test"
_POLL_S = 0.05


def make_certificate(folder: Path) -> bytes:
    """Write `key.pem` and a self-signed `certificate.pem` (P-256); return the latter as DER."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "30", "-subj", f"/CN={HOST_NAME}"),
            *("-addext", f"subjectAltName=DNS:{HOST_NAME}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return ssl.PEM_cert_to_DER_cert(certificate.read_text(encoding="ascii"))


class TlsPeer:
    """Serves on the pseudo terminal `link` with the certificate in `folder`, inside `with`."""

    def __init__(self, link: Path, folder: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._terminal = PseudoTerminal(link)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._over.set()
        self._thread.join()
        self._terminal.close()

    def _serve(self) -> None:
        fd = self._terminal.fd
        while not self._over.is_set():
            if select.select([fd], [], [], _POLL_S)[0]:
                self._incoming.write(os.read(fd, 4096))
                self._advance()
                answer = self._outgoing.read()
                while answer:
                    select.select([], [fd], [], _POLL_S)
                    answer = answer[os.write(fd, answer) :]

    def _advance(self) -> None:
        try:
            self._tls.do_handshake()
            while True:
                self._tls.write(self._tls.read(4096))
        except ssl.SSLWantReadError:
            pass
