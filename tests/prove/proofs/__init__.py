"""Every proof, one module each: its value `PROOF`."""

import importlib
import pkgutil

from tests.prove.proof import Proof


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def named(name: str) -> Proof:
    proof: Proof = importlib.import_module(f"{__name__}.{name}").PROOF
    return proof
