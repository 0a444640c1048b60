"""How the door is set up, and what every view reaches for: ports, settings, the person who asks. Reads no request."""

from dataclasses import dataclass

from flask import current_app, g

from broker.domain.people import Person
from broker.domain.ports import Ports
from broker.web.openid import Provider

EXTENSION = "broker"


@dataclass(frozen=True, slots=True)
class WebSettings:
    """`secret_key` signs form tokens; `demo_sign_in` allows password accounts (synthetic data only); `secure_cookies`
    is false only where the page is served without TLS; `openid` is who signs people in."""

    secret_key: bytes
    demo_sign_in: bool = False
    secure_cookies: bool = True
    openid: Provider | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """What `create_app` was given."""

    ports: Ports
    settings: WebSettings


def door() -> Door:
    found: Door = current_app.extensions[EXTENSION]
    return found


def ports() -> Ports:
    return door().ports


def caller() -> Person:
    """The person who asks; authentication has put them there before any view runs."""
    found: Person = g.person
    return found
