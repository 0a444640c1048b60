"""The demo's people and their sign-ins: for synthetic data only, made once with random passwords."""

import json
import secrets
from pathlib import Path

from broker.domain.people import Person, Role

PEOPLE: tuple[tuple[str, str, Role], ...] = (
    ("demo-researcher", "Rosa Researcher", Role.RESEARCHER),
    ("demo-dashboard", "Dana Dashboard", Role.RESEARCHER),
    ("other-researcher", "Otis Other", Role.RESEARCHER),
    ("demo-checker-1", "Cleo Checker", Role.CHECKER),
    ("demo-checker-2", "Chris Checker", Role.CHECKER),
    ("demo-admin-1", "Ada Administrator", Role.ADMINISTRATOR),
    ("demo-admin-2", "Amir Administrator", Role.ADMINISTRATOR),
)


def persons() -> list[Person]:
    return [Person(ident, name, frozenset({role})) for ident, name, role in PEOPLE]


def sign_ins(folder: Path) -> dict[str, str]:
    """Name → password; read from the data folder, or made and kept there."""
    file = folder / "sign-ins.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(json.dumps({ident: secrets.token_urlsafe(9) for ident, _, _ in PEOPLE}, indent=2))
    return dict(json.loads(file.read_text()))
