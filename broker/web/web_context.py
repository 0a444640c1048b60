"""What every view needs: ports, settings, the caller. Reads no request."""

from dataclasses import dataclass

from flask import current_app, g
from werkzeug.wrappers import Response

from broker.domain.identity.people import Person
from broker.domain.ports import Ports
from broker.settings import Settings

CONTEXT_EXTENSION = "broker"

Redirect = Response
"""An answer that leads to another page."""


@dataclass(frozen=True, slots=True)
class WebContext:
    """The arguments of `create_app`."""

    ports: Ports
    settings: Settings


def web_context() -> WebContext:
    found: WebContext = current_app.extensions[CONTEXT_EXTENSION]
    return found


def ports() -> Ports:
    return web_context().ports


def caller() -> Person:
    """Return the caller. Authentication has set them before any view runs."""
    found: Person = g.person
    return found
