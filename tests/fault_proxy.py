"""A proxy on 127.0.0.1 that spoils the first answers of an S3 server: what networks and throttled buckets do.

The first requests for every path are answered by faults, one kind after another; later ones pass. A lost answer is that
of a request that was done, so whoever asks again must not do it twice.
"""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import urlsplit

SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)


STALL_SECONDS = 100
READ = frozenset({"GET"})
EVERY = re.compile("")


class Fault(StrEnum):
    """What happens to an answer; one without a body that is to be cut is lost."""

    RESET = "reset"
    RESET_IN_BODY = "reset in body"
    SLOW_DOWN = "503 SlowDown"
    INTERNAL_ERROR = "500"
    TRUNCATED = "truncated body"
    LOST = "answer lost"
    STALL = "stall"


@dataclass
class Proxy:
    """Its address, the faults it deals out in turn, how many for each path, and which it has dealt.

    `methods` counts requests, `lost` those of them that were done and not answered. Only `spoilt` methods are spoilt,
    and only paths (with their query) that match `only`. What `before` has for a path is called before a request for it
    is passed on.
    """

    upstream: str
    faults: Sequence[Fault]
    each: int
    only: re.Pattern[str]
    spoilt: Set[str] = READ
    url: str = ""
    dealt: Counter[Fault] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    before: dict[str, Callable[[], object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = count()
        self.closing = threading.Event()
        self._left: dict[tuple[str, str], int] = defaultdict(lambda: self.each)

    def fault_for(self, method: str, path: str) -> Fault | None:
        """The fault for this request, if it still gets one."""
        with self._lock:
            self.methods[method] += 1
            if method not in self.spoilt:
                return None
            self.requests[path] += 1
            if not self._left[method, path] or not self.only.search(path):
                return None
            self._left[method, path] -= 1
            fault = self.faults[next(self._turn) % len(self.faults)]
            self.dealt[fault] += 1
            return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def do_GET(self) -> None:
        self._pass()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def finish(self) -> None:
        """As usual; the other side may have gone."""
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        """As usual; the other side may have gone."""
        with suppress(OSError):
            super().handle()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.proxy.fault_for(self.command, self.path)
        if fault is Fault.RESET:
            self._reset()
        elif fault in (Fault.SLOW_DOWN, Fault.INTERNAL_ERROR):
            self._send(503 if fault is Fault.SLOW_DOWN else 500, {"Content-Type": "application/xml"}, SLOW_DOWN)
        elif fault is Fault.STALL:
            self.proxy.closing.wait(STALL_SECONDS)
            self._reset()
        else:
            self.proxy.before.get(self.path, bool)()
            status, headers, answer = self._ask(body)
            is_cut_whole = fault is not None and (self.command == "HEAD" or not answer)
            if fault is Fault.LOST or is_cut_whole:
                self.proxy.lost[self.command] += 1
                self._reset()
            else:
                self._send(status, headers, answer, fault)

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(self.proxy.upstream)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)) as connection:
            connection.request(self.command, self.path, body, headers)
            with connection.getresponse() as answer:
                found = {
                    name: value
                    for name, value in answer.getheaders()
                    if name.lower() not in {"connection", "transfer-encoding", "date", "server"}
                }
                return answer.status, found, answer.read()

    def _send(self, status: int, headers: dict[str, str], body: bytes, fault: Fault | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault is None:
            self.wfile.write(body if self.command != "HEAD" else b"")
            return
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        if fault is Fault.RESET_IN_BODY:
            self._reset()
        self.close_connection = True

    def _reset(self) -> None:
        """Close so that the other side is told of a reset, not of an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


@contextmanager
def faulty(
    upstream: str,
    faults: Sequence[Fault],
    each: int = 2,
    only: re.Pattern[str] = EVERY,
    spoilt: Set[str] = READ,
) -> Iterator[Proxy]:
    """A proxy before the server at `upstream` until the block ends."""
    proxy = Proxy(upstream, faults, each, only, spoilt)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
