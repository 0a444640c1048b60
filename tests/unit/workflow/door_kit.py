"""The HTTP door of a test's broker, and a person at it: by token in the API, by session on pages."""

import re
from dataclasses import dataclass
from typing import Any

from flask import Flask

from broker.settings import Settings
from broker.web.app import create_app
from broker.workflow.administration import user_accounts

DRAWN = re.compile(
    r"""(name="(?:csrf_token|client_id|nonce)" value="|data-nonce="|'nonce-|\bform=|"token": ?")[\w.-]*"""
)
IDENT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def without_draws(text: str) -> str:
    """An answer without what is drawn at random, and so is like any word by chance: ids, and values in forms."""
    return IDENT.sub("ID", DRAWN.sub(r"\1", text))


@dataclass
class Door:
    app: Flask
    token: str

    def call(self, method: str, path: str, **sent: Any) -> Any:
        client, headers = self.app.test_client(), {}
        if path.startswith("/api/"):
            headers = {"Authorization": f"Bearer {self.token}"}
        else:
            client.set_cookie("session", self.token)
        return client.open(path, method=method, headers=headers, buffered=True, **sent)

    def text(self, path: str) -> str:
        found = self.call("GET", path)
        assert found.status_code == 200, found.get_data(as_text=True)
        return str(found.get_data(as_text=True))


def door_of(broker: Any, person: str) -> Door:
    settings = Settings(secret_key="k" * 32, demo_sign_in=True, synthetic_only=True, secure_cookies=False)
    token = user_accounts.make_token(broker.ports, broker.person(person), person)
    return Door(create_app(broker.ports, settings), token)
