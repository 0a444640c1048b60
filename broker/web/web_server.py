"""Serves the door with gunicorn. Each process builds its own ports after the fork. Knows settings, no rules."""

import gc
import socket
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # it has no types

from broker.domain.errors import Invalid
from broker.settings import Settings
from broker.web.app import create_app
from broker.wiring.broker_ports import build_ports, check_start

THREADS = 8
IDLE_CONNECTION_SECONDS = 30
"""Seconds before an idle connection is closed. Longer than clients hold theirs (5 s), so that the server never closes
one just as its client sends a request."""


class _GunicornServer(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        given: dict[str, Any] = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "worker_class": "gthread",
            "threads": THREADS,
            "workers": 1,
            "keepalive": IDLE_CONNECTION_SECONDS,
            "limit_request_line": 4094,
            "limit_request_fields": 50,
            "accesslog": None,
            "control_socket_disable": True,
        }
        for name, value in given.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the app in the worker process, after the fork."""
        app = create_app(build_ports(self._settings), self._settings)
        # Freeze what exists now, so that the garbage collector does not scan it while answering requests.
        gc.collect()
        gc.freeze()
        return app


def check_port(settings: Settings) -> None:
    """Raises Invalid if the port is taken, at once: gunicorn itself would retry again and again."""
    address = (settings.host, settings.port)
    try:
        family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            # A port that was used just now counts as free, as it does for gunicorn.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        raise Invalid("port", f"Nothing can be served at {place} ({error.strerror}): set BROKER_PORT.") from error


def serve(settings: Settings) -> None:
    """Run until stopped."""
    check_port(settings)
    check_start(settings)
    _GunicornServer(settings).run()
