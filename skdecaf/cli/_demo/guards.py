"""Protection of the server: allowed hosts and origins, a rate limit, and headers of answers."""

# SPDX-License-Identifier: BSD-3-Clause
import ipaddress
import math
import socket
import time
from collections import OrderedDict
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from skdecaf.cli._demo.server import is_loopback

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_MAX_CLIENTS = 1000


class RateLimit:
    """A bucket of tokens for each client, which fills steadily; a request takes some tokens.

    Parameters
    ----------
    capacity, per_second : float
        A token stands for about 50 ms of computing.
    clock : callable
    """

    def __init__(self, capacity=400, per_second=20, clock=time.monotonic):
        self.capacity, self.per_second, self._clock = capacity, per_second, clock
        self._buckets = OrderedDict()  # client: (tokens, when)

    def seconds_to_wait(self, client, cost):
        """Take tokens and return 0, or return the seconds until there are enough."""
        now = self._clock()
        tokens, then = self._buckets.pop(client, (self.capacity, now))
        tokens = min(self.capacity, tokens + (now - then) * self.per_second)
        missing = max(0, cost - tokens)
        self._buckets[client] = (tokens if missing else tokens - cost), now
        if len(self._buckets) > _MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return missing / self.per_second


class Guard:
    """Middleware: refuses requests of other web pages, limits their rate, and adds headers to every answer.

    Parameters
    ----------
    app : ASGI application
    host : str
        The address that the server listens on.
    costs : dict of str to float
        Tokens that a request to each path takes; 1 for other paths.
    rate_limit : RateLimit
    """

    def __init__(self, app, host, costs, rate_limit):
        self._app, self._costs, self._rate_limit = app, costs, rate_limit
        self._names, self._any_address = {"127.0.0.1", "::1", "localhost"}, not is_loopback(host)
        if self._any_address:
            self._names |= {host.lower(), socket.gethostname().lower()}

    async def __call__(self, scope, receive, send):
        """Answer a request."""
        refusal = self._refusal(scope, Headers(scope=scope))

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope, headers):
        """The answer to a request that is not allowed, or None."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            return _error(403, "this name is not one of the server's; open the page at the address that it printed")
        if not _is_same_origin(scope, headers, host):
            return _error(403, "requests from other web pages are refused")
        client = (scope.get("client") or ("",))[0]
        seconds = self._rate_limit.seconds_to_wait(client, self._costs.get(scope["path"], 1))
        if seconds:
            return _error(429, "too many requests; wait a little", {"Retry-After": str(math.ceil(seconds))})
        return None

    def _is_ours(self, host):
        """Whether a Host header names this server. A page that rebinds its own name to this address does not."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if name in self._names:
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address


def _is_same_origin(scope, headers, host):
    """Whether a request comes from our page, from the address bar, or from a program that is not a browser."""
    if "origin" in headers:
        try:
            return urlsplit(headers["origin"]).netloc == host
        except ValueError:
            return False
    site = headers.get("sec-fetch-site", "none")
    follows_a_link = scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
    return site in ("same-origin", "none") or follows_a_link


def _error(status, message, headers=None):
    return JSONResponse({"error": message}, status, headers)
