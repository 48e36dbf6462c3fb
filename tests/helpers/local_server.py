"""A web server on the loopback that does what real ones do to downloads, and a guard that nothing goes further."""

import contextlib
import http.server
import os
import re
import socket
import threading
import time

CHUNK = 2**14


class LocalServer(http.server.ThreadingHTTPServer):
    """Serves ``files``; the first folder of an address says how: ``server.url("cut", "name")``.

    good, cut (each response ends half-way), liar (like cut, but continues with other bytes), drip (a byte at a time),
    slow, stall (half, then silence), no-range, endless (no length, no end), chunked, busy (503 at first), moved (a
    redirect), wrong (other bytes), odd (a Content-Range that nobody asked for), nonsense (headers that are no numbers),
    missing. ``requests`` has (how, first byte asked for) of each request.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.requests, self.hosts = {}, [], []
        self.seconds_per_chunk = 0.02

    def url(self, how, name):
        return f"http://127.0.0.1:{self.server_port}/{how}/{name}"

    def handle_error(self, request, client_address):
        """Clients that hang up are part of these tests."""

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        # A proxy is asked for a whole address.
        self.server.hosts.append(re.match(r"(?:http://([^/]*))?", self.path)[1])
        how, name = re.sub(r"^http://[^/]*", "", self.path).lstrip("/").split("/")
        content = self.server.files.get(name, b"")
        asked = self.headers["Range"]
        first = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0
        earlier = [kind for kind, _ in self.server.requests]
        self.server.requests.append((how, first))
        if how == "moved":
            self._answer(302, {"Location": self.server.url("good", name)})
        elif how == "missing" or (how == "busy" and "busy" not in earlier):
            self._answer(404 if how == "missing" else 503, {})
        elif how == "wrong":
            self._send(bytes(len(content)), 0)
        elif how == "odd":
            self._answer(206, {"Content-Range": "bytes 7-9/10", "Content-Length": "3"}, b"odd")
        elif how == "nonsense":
            self._answer(200, {"Content-Length": "many"}, content)
        elif how == "liar" and first:
            self._send(bytes(len(content)), first)
        elif how == "drip":
            self._answer(200, {"Content-Length": str(len(content))})
            for i in range(len(content)):
                self.wfile.write(content[i : i + 1])
                _wait(0.01)
        elif how == "endless":
            self._answer(200, {})
            while True:
                self.wfile.write(content)
        elif how == "chunked":
            pieces = [content[i : i + CHUNK] for i in range(0, len(content), CHUNK)] + [b""]
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
            self._answer(200, {"Transfer-Encoding": "chunked"}, body)
        elif first and first >= len(content) and how != "no-range":
            self._answer(416, {"Content-Range": f"bytes */{len(content)}"})
        else:
            self._send(content, 0 if how == "no-range" else first, how)

    def _send(self, content, first, how="good"):
        rest = content[first:]
        headers = {"Content-Length": str(len(rest))}
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self._answer(206 if first else 200, headers)
        if how in ("cut", "stall", "liar"):
            rest = rest[: (len(rest) + 1) // 2]
        for i in range(0, len(rest), CHUNK):
            self.wfile.write(rest[i : i + CHUNK])
            _wait(self.server.seconds_per_chunk if how == "slow" else 0)
        if how == "stall":
            _wait(1)

    def _answer(self, status, headers, body=b""):
        # HTTP/1.1 for chunks; every connection ends after one answer.
        self.protocol_version = "HTTP/1.1"
        self.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *arguments):
        """Tests read `LocalServer.requests`."""


def _wait(seconds):
    """Sleep, even where `time.sleep` is a test's."""
    threading.Event().wait(seconds)


def allow_only_the_loopback(monkeypatch):
    """Make every attempt to reach another computer an error of the test, and forget the proxies of this one."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def checked_connect(self, address):
        assert self.family == socket.AF_UNIX or address[0] == "127.0.0.1", f"a connection to {address}"
        return connect(self, address)

    def checked_look_up(host, *arguments, **options):
        assert host in ("127.0.0.1", "localhost"), f"a look-up of {host}"
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket.socket, "connect", checked_connect)
    monkeypatch.setattr(socket, "getaddrinfo", checked_look_up)
    for variable in list(os.environ):
        if variable.lower().endswith("_proxy") or variable.startswith("SKDECAF_"):
            monkeypatch.delenv(variable)


def eventually(condition, seconds=20):
    """Wait until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this took too long"
        with contextlib.suppress(InterruptedError):
            time.sleep(0.01)
