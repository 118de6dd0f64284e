"""Takes everything that concentrators publish below a topic root and puts it into a store."""

import hashlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from host_tools.receiver.payload import Message, PayloadError, parse
from host_tools.receiver.store import Outcome, Store, StoreError

_KEEPALIVE_S = 30
_RECONNECT_FIRST_S = 0.05
_RECONNECT_LAST_S = 1.0
_CONNECT_S = 5.0

Observer = Callable[[Message | None, Outcome, str], None]
"""Called in the receiver's thread with the message (None if rejected), outcome and topic."""


class ReceiverError(Exception):
    """The broker cannot be used; the text says why and what to do."""


class Receiver:
    """A subscriber that reconnects by itself and acknowledges only what the store has on file.

    Its session at the broker outlives its connections: the client id is made from store and root,
    so that what arrives meanwhile is delivered to the same receiver later.
    """

    def __init__(
        self,
        store: Store,
        host: str,
        port: int,
        root: str = "mr/v1",
        *,
        observer: Observer | None = None,
    ) -> None:
        """Prepare; nothing is connected before `start()`. ValueError for an unusable root.

        A `host` with a slash is the path of the broker's unix socket; `port` has no meaning then.
        """
        if not root or set(root) & set("#+\0") or root != root.strip("/"):
            raise ValueError(
                f"topic root {root!r} cannot be used; it is a text like mr/v1, without # and +, "
                "that neither starts nor ends with a slash."
            )
        self.store = store
        self.host = host
        self.port = port
        self.root = root
        self.failure: str | None = None
        """Why the receiver has given up; None as long as it has not."""
        self._observer = observer
        self._arrival = threading.Condition()
        self._messages = 0
        self._subscribed = threading.Event()
        self._refusal: str | None = None
        self._client: Client | None = None

    def start(self, timeout_s: float = _CONNECT_S) -> Self:
        """Connect and subscribe; ReceiverError if the broker is not there or refuses."""
        if self._client is not None:
            raise RuntimeError("The receiver runs already.")
        try:
            _try(self.host, self.port, timeout_s)
        except OSError as error:
            raise ReceiverError(
                f"no broker answers at {self._place} "
                f"({error.strerror or error}); start one, or choose another host and port."
            ) from None
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=_client_id(self.store, self.root),
            clean_session=False,
            manual_ack=True,
            transport="unix" if _is_path(self.host) else "tcp",
        )
        client.reconnect_delay_set(_RECONNECT_FIRST_S, _RECONNECT_LAST_S)  # type: ignore[arg-type]
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._client = client
        client.connect_async(self.host, self.port, _KEEPALIVE_S)
        client.loop_start()
        if not self._subscribed.wait(timeout_s):
            self.stop()
            raise ReceiverError(
                f"the broker at {self._place} "
                + (f"refuses: {self._refusal}." if self._refusal else "does not answer in MQTT.")
            )
        return self

    def stop(self) -> None:
        """Disconnect; the session stays at the broker."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()
        self._subscribed.clear()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @property
    def connected(self) -> bool:
        """Whether the broker delivers to us at this moment."""
        return self._subscribed.is_set()

    @property
    def messages(self) -> int:
        """Messages taken since the receiver was made, rejected ones included."""
        return self._messages

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until a condition on the store holds; False if that takes longer.

        The condition is tried again after every message.
        """
        deadline = time.monotonic() + timeout_s
        with self._arrival:
            while not condition():
                left_s = deadline - time.monotonic()
                if left_s <= 0 or self.failure is not None:
                    return False
                self._arrival.wait(left_s)
        return True

    @property
    def _place(self) -> str:
        return self.host if _is_path(self.host) else f"{self.host} port {self.port}"

    # Called by paho in its thread

    def _on_connect(self, client: Client, _1: Any, _2: Any, reason: ReasonCode, _3: Any) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
        else:
            client.subscribe(f"{self.root}/+/up/#", qos=1)

    def _on_subscribe(self, _1: Any, _2: Any, _3: Any, reasons: list[ReasonCode], _4: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refusal = f"it does not let us subscribe to {self.root}/+/up/#"
        else:
            self._subscribed.set()

    def _on_disconnect(self, *_: Any) -> None:
        self._subscribed.clear()

    def _on_message(self, client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            self._take(message.topic, message.payload)
        except StoreError as error:
            # Not acknowledged: the broker keeps it for the next time we come.
            self.failure = str(error)
            client.disconnect()
        else:
            client.ack(message.mid, message.qos)
        with self._arrival:
            self._messages += 1
            self._arrival.notify_all()

    def _take(self, topic: str, payload: bytes) -> None:
        accepted: Message | None = None
        outcome = Outcome()
        try:
            accepted = parse(self.root, topic, payload)
            outcome = self.store.add(accepted)
        except StoreError:
            raise
        except PayloadError as error:
            self.store.reject(topic, payload, str(error))
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            # A hole in our own checks must not stop everybody else's data.
            accepted = None
            self.store.reject(topic, payload, f"the receiver failed: {error!r}")
        if self._observer is not None:
            try:
                self._observer(accepted, outcome, topic)
            except OSError as error:  # typically, nobody reads our output any more
                self.failure = f"cannot report what came: {error.strerror}."


def _is_path(host: str) -> bool:
    return "/" in host


def _try(host: str, port: int, timeout_s: float) -> None:
    """Connect to a broker and leave again; OSError if it is not there."""
    if not _is_path(host):
        socket.create_connection((host, port), timeout_s).close()
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(timeout_s)
        probe.connect(host)


def _client_id(store: Store, root: str) -> str:
    text = f"{socket.gethostname()} {store.path} {root}"
    return "receiver-" + hashlib.sha256(text.encode()).hexdigest()[:12]
