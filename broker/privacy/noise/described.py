"""A bundle as text and back: closed words and exact numbers, nothing that could name code. Both sides use it, so that
what is charged is what is drawn."""

import json
from dataclasses import asdict
from typing import Any

from broker.domain.amounts import Accounting
from broker.privacy.bounds import Sensitivity
from broker.privacy.mechanisms import Additive, Bundle, Family, Mechanism, Selection, Threshold

NAMES: dict[str, type[Mechanism]] = {"additive": Additive, "selection": Selection, "threshold": Threshold}


def to_text(bundle: Bundle) -> str:
    """One JSON document; the same bundle gives the same text. Scales are written so that they come back exactly."""
    parts = [{"is": name, **asdict(m)} for m in bundle.mechanisms for name, kind in NAMES.items() if type(m) is kind]
    told = {"accounting": bundle.accounting, "delta": bundle.delta, "mechanisms": parts}
    return json.dumps(told, sort_keys=True, separators=(",", ":"), allow_nan=False)


def from_text(text: str) -> Bundle:
    """ValueError, KeyError or TypeError for everything that is not what `to_text` writes."""
    found = json.loads(text)
    if set(found) != {"accounting", "delta", "mechanisms"}:
        raise ValueError("these are not the parts of a bundle")
    return Bundle(
        Accounting(found["accounting"]), tuple(_mechanism(m) for m in found["mechanisms"]), _number(found["delta"])
    )


def _mechanism(told: dict[str, Any]) -> Mechanism:
    given = dict(told)
    kind = NAMES[given.pop("is")]
    given["family"] = Family(given["family"])
    given["scale"] = _number(given["scale"])
    if kind is Selection:
        steps = tuple(_whole(s) for s in given["steps"])
        return Selection(**{**given, "steps": steps, "points": _whole(given["points"]), "keys": _place(given["keys"])})
    given["bounds"] = Sensitivity(**{k: _whole(v) for k, v in given["bounds"].items()})
    if kind is Threshold:
        return Threshold(**{**given, "threshold": _whole(given["threshold"])})
    return Additive(**{**given, "width": _whole(given["width"]), "keys": _place(given["keys"])})


def _place(value: object) -> int | None:
    return None if value is None else _whole(value)


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("this is no whole number")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("this is no number")
    return float(value)
