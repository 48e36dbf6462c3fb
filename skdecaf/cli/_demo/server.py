"""The web server: its socket, and its limits on connections."""

# SPDX-License-Identifier: BSD-3-Clause
import ipaddress
import socket
import threading
import webbrowser

import uvicorn

_MAX_CONNECTIONS = 100
_SECONDS_TO_STOP = 3


def is_loopback(host):
    """Whether only this computer can connect to an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host, port):
    """Open a listening socket; return it and the address of the page.

    Raises
    ------
    OSError
        If the address is not one of this computer's, or the port is in use.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"cannot listen on {host} port {port} ({reason}); choose another --port or --host") from None
    name = f"[{host}]" if ":" in host else host
    return listening, f"http://{name}:{listening.getsockname()[1]}/"


def serve(app, listening, url=None):
    """Serve until Ctrl-C; open the page in a browser if there is an ``url``."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_graceful_shutdown=_SECONDS_TO_STOP,
    )
    if url:
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    uvicorn.Server(config).run(sockets=[listening])
