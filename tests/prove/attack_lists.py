"""Every list of removable defences in `attack_defences`, found by its folder, and how one is tried: its test must pass
as things are, and fail with the defence taken out. A whole list goes on where it stopped: what was caught is not tried
again on the same files.

`python -m tests.prove.attack_lists [LIST ...]` tries all of them, or some, and prints what was not caught."""

import importlib
import json
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from tests.prove import attack_defences
from tests.prove.defences import Defence, Faults, caught
from tests.prove.ranges import resumed

FAULTS: Faults = (AssertionError, ValueError, KeyError)
"""How a test fails that has seen it, where a list does not say so in `CAUGHT`."""

RAISED_NOTHING: Faults = (pytest.fail.Exception,)
"""How every list's tests fail that expect an error."""


def lists() -> Mapping[str, Sequence[Any]]:
    """The defences of each list, by its name."""
    names = sorted(m.name for m in pkgutil.iter_modules(attack_defences.__path__))
    return {name: _module(name).DEFENCES for name in names}


def missed(name: str, most: int | None = None) -> list[str]:
    """What was not caught of a list, or of its first ones."""
    faults = (*getattr(_module(name), "CAUGHT", FAULTS), *RAISED_NOTHING)
    is_caught = partial(caught, faults=faults) if most else partial(_is_caught_once, name, faults=faults)
    return [f"{d.test}: {d.what}" for d in map(_plain, lists()[name][:most]) if not is_caught(d)]


def _is_caught_once(name: str, defence: Defence, faults: Faults) -> bool:
    asked = {"files": [file_of(name), f"{defence.module.replace('.', '/')}.py"], "what": defence.what}
    told = resumed(f"defence {name} {defence.what}", lambda: {"met": caught(defence, faults)}, asked)
    return bool(told["met"])


def file_of(name: str) -> str:
    return f"tests/prove/attack_defences/{name}.py"


def meant_by(defence: Any) -> list[str]:
    """The tests that a defence could mean, by the beginning of its name in its module."""
    return [n for n in vars(importlib.import_module(defence.module)) if f"{n}_".startswith(f"{defence.test}_")]


def _module(name: str) -> Any:
    return importlib.import_module(f"{attack_defences.__name__}.{name}")


def _plain(defence: Any) -> Defence:
    """Lists may have a type of their own with the same words."""
    return Defence(defence.what, defence.removed, defence.test, defence.module, getattr(defence, "given", ()))


if __name__ == "__main__":
    print(json.dumps({name: missed(name) for name in sys.argv[1:] or lists()}, indent=2))
