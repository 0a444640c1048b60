"""Files as scripts leave them, made anew in this process by the same code as in the container."""

from pathlib import Path
from typing import Any
from unittest import mock

from broker.domain.files import LeftFile, MadeFile
from broker.engine.files_here import made_here
from broker.policy.files import load_policies
from broker.python_jobs import remade

SERVICE = load_policies(Path(__file__).parents[1] / "policies").service
CAPS, DIGITS = SERVICE.file_caps, 5


def ending(name: str) -> str:
    return f".{name.rpartition('.')[2]}"


def remake(name: str, content: bytes, digits: int = DIGITS) -> remade.Remade:
    return remade.remake(ending(name), content, digits, CAPS)


def made(name: str, content: bytes) -> MadeFile:
    how: Any = mock.Mock(digits=DIGITS, caps=CAPS)
    return made_here(LeftFile(name, ending(name), content), how)
