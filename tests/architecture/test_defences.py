"""Every removable defence fits the code as it is: what a proof takes out is there. Proofs run at size and seldom, so
they would find out late."""

import importlib

import pytest

from tests.prove.attack_lists import lists

OTHERS = ("disclosure", "private", "release_history", "script")
DEFENCES = [
    *((name, d) for name, found in lists().items() for d in found),
    *((name, d) for name in OTHERS for d in importlib.import_module(f"tests.prove.{name}_defences").DEFENCES),
]


@pytest.mark.parametrize("defence", [d for _, d in DEFENCES], ids=[f"{name}: {d.what}" for name, d in DEFENCES])
def test_a_defence_can_be_taken_out(defence) -> None:
    with defence.removed():
        pass
