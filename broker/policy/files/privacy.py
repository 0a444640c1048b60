"""The privacy policy from `policies/privacy`: promises to units and profiles. Limits are read here, never set here."""

from dataclasses import fields
from pathlib import Path

from broker.domain.amounts import Accounting
from broker.domain.errors import Invalid
from broker.policy.files.fields import Fields
from broker.policy.files.read import Located, read_yaml
from broker.policy.privacy import PrivacyPolicies, PrivacyProfile, Promise
from broker.policy.tables import Unit

PROMISE_KEYS = ("unit", "accounting", "loss", "delta", "stated_delta")
WHOLE = (
    "max_cells", "max_influence", "max_work", "public_rows", "person_cells", "person_rows", "max_parts", "max_width",
    "quantile_points", "max_keys", "max_words",
)  # fmt: skip


def load_privacy(folder: Path) -> PrivacyPolicies:
    """What `folder` (policies/privacy) says. The first fault raises Invalid with code, sentence and file:line."""
    return PrivacyPolicies(
        promises=_promises(folder / "promises.yaml"),
        profiles=_profiles(folder / "profiles"),
    )


def _promises(path: Path) -> tuple[Promise, ...]:
    found: dict[Unit, Promise] = {}
    for node in Fields(read_yaml(path), ("promises",)).at("promises").items():
        promise = _promise(node)
        if promise.unit in found:
            raise node.wrong("duplicate-promise", f"There are two promises to the unit {promise.unit}.")
        found[promise.unit] = promise
    return tuple(found.values())


def _promise(node: Located) -> Promise:
    given = Fields(node, PROMISE_KEYS)
    accounting = given.choice("accounting", Accounting)
    delta, stated = (given.number(k) if given.has(k) else 0.0 for k in ("delta", "stated_delta"))
    if (delta > 0) == (accounting is Accounting.PURE) and not (delta == 0 and accounting is Accounting.CONCENTRATED):
        raise node.wrong("policy-range", "A delta belongs to the accountings approximate and zcdp, not to pure.")
    if (stated > 0) != (accounting is Accounting.CONCENTRATED) or not (0 <= delta < 1 and 0 <= stated < 1):
        raise node.wrong("policy-range", "Accounting zcdp, and only that, needs a stated_delta between 0 and 1.")
    return Promise(
        unit=given.choice("unit", Unit),
        accounting=accounting,
        loss=_above_zero(given, "loss"),
        delta=delta,
        stated_delta=stated,
    )


def _profiles(folder: Path) -> tuple[PrivacyProfile, ...]:
    found: dict[str, PrivacyProfile] = {}
    for path in sorted(folder.glob("*.yaml")):
        given = Fields(read_yaml(path), (f.name for f in fields(PrivacyProfile)))
        profile = _profile(given)
        if profile.name in found:
            raise given.wrong("name", "duplicate-profile", f"There are two privacy profiles {profile.name!r}.")
        found[profile.name] = profile
    if not found:
        raise Invalid("policy-file", "There is no privacy profile.", str(folder))
    return tuple(found.values())


def _profile(given: Fields) -> PrivacyProfile:
    automatic, raised = _above_zero(given, "max_automatic"), _above_zero(given, "max_raised")
    if raised < automatic:
        raise given.wrong("max_raised", "policy-range", "max_raised is not less than max_automatic.")
    whole = {key: given.whole(key, least=1) for key in WHOLE}
    return PrivacyProfile(
        name=given.text("name"),
        source=given.text("source"),
        max_automatic=automatic,
        max_raised=raised,
        max_delta=_share(given, "max_delta", 0.0),
        display_floor=given.whole("display_floor"),
        level=_share(given, "level", 0.5),
        other_spends=tuple(_positive(n) for n in given.at("other_spends").items()),
        curve_sizes=tuple(int(_positive(n)) for n in given.at("curve_sizes").items()),
        **whole,
    )


def _above_zero(given: Fields, key: str) -> float:
    value = given.number(key)
    if value <= 0:
        raise given.wrong(key, "policy-range", f"{key!r} has to be above 0.")
    return value


def _share(given: Fields, key: str, least: float) -> float:
    value = given.number(key)
    if not least <= value < 1:
        raise given.wrong(key, "policy-range", f"{key!r} has to be at least {least} and under 1.")
    return value


def _positive(node: Located) -> float:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float) or node.value <= 0:
        raise node.wrong("policy-range", "This has to be a number above 0.")
    return float(node.value)
