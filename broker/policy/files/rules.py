"""Profiles, combination rules and the service's limits from their files. Thresholds are read here, never set here."""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from broker.domain.errors import Invalid
from broker.domain.variables import VariableClass
from broker.policy.catalogue import Catalogue
from broker.policy.files.fields import Fields
from broker.policy.files.read import Located, read_yaml
from broker.policy.models import CombinationRule
from broker.policy.profiles import Profile, Rounding, ZeroPolicy
from broker.policy.service import Service

COMBINATION_KEYS = ("id", "note", "any_of", "with_any", "years", "under_gateway", "replace", "default_items_only")

NOISE = ("noise_deviation", "noise_variance", "noise_least")

SERVICE_FLAGS = ("python_synthetic_first",)
SERVICE_LISTS = ("allowed_files", "python_modules")
SERVICE_TIMES = ("time_slots", "synthetic_time_slots")
SERVICE_MAY_BE_ZERO = frozenset({"warm_each", "compare_milliseconds", "short_lane_slots"})


def read_profiles(folder: Path) -> tuple[Profile, ...]:
    found: dict[str, Profile] = {}
    for path in sorted(folder.glob("*.yaml")):
        fields = _profile_fields(path)
        profile = _profile(fields)
        if profile.name in found:
            raise fields.wrong("name", "duplicate-profile", f"There are two profiles {profile.name!r}.")
        found[profile.name] = profile
    if not found:
        raise Invalid("policy-file", "There is no profile.", str(folder))
    return tuple(found.values())


def load_profile(path: Path) -> Profile:
    """One profile from a file of its own."""
    return _profile(_profile_fields(path))


def _profile_fields(path: Path) -> Fields:
    return Fields(read_yaml(path), (f.name for f in fields(Profile) if f.name != "suppressed_symbol"))


def _profile(fields: Fields) -> Profile:
    share = fields.number("full_share")
    if not 0.5 < share <= 1:
        raise fields.wrong("full_share", "policy-range", "full_share is a share above one half.")
    noise = _noise(fields)
    return Profile(
        **noise,
        name=fields.text("name"),
        source=fields.text("source"),
        t=fields.whole("t", least=2),
        zeros=fields.choice("zeros", ZeroPolicy),
        full=fields.choice("full", ZeroPolicy),
        full_share=share,
        coalition=fields.whole("coalition", default=1),
        p_percent=_percent(fields, "p_percent"),
        prior_q=_percent(fields, "prior_q"),
        dominance_n=fields.whole("dominance_n", least=1),
        dominance_k=_percent(fields, "dominance_k"),
        round_base=fields.whole("round_base", least=1),
        mean_digits=fields.whole("mean_digits", least=None),
        percent_digits=fields.whole("percent_digits", least=None),
        sum_digits=fields.whole("sum_digits", least=None),
        min_interval=fields.whole("min_interval"),
        dof=fields.whole("dof"),
        max_leverage=_positive(fields, "max_leverage", Profile.max_leverage),
        max_influence=_positive(fields, "max_influence", Profile.max_influence),
        file_digits=fields.whole("file_digits", default=Profile.file_digits, least=1),
        many_rows=fields.whole("many_rows", default=Profile.many_rows),
        many_values=fields.whole("many_values", default=Profile.many_values),
        nearly_all=_nearly_all(fields),
        extreme_percent=_extreme_percent(fields),
        fit_digits=fields.whole("fit_digits", default=Profile.fit_digits, least=1),
        whisker=_whisker(fields),
        max_listed_rows=fields.whole("max_listed_rows", least=1),
        max_group_steps=fields.whole("max_group_steps", default=2_000_000, least=1),
        max_joint_cells=fields.whole("max_joint_cells", default=20_000, least=1),
        max_joint_targets=fields.whole("max_joint_targets", default=2_000),
        reach=fields.whole("reach") if fields.has("reach") and fields.at("reach").value is not None else None,
        small_quota=fields.whole("small_quota"),
        protects_institutions=fields.flag("protects_institutions", False),
        min_institutions=fields.whole("min_institutions", least=1),
    )


def _noise(fields: Fields) -> dict[str, Any]:
    """Cell-key rounding has its parameters in the file; every count that passes the threshold gets noise of full width,
    so that none of them comes out exact."""
    if not fields.has("rounding") or fields.choice("rounding", Rounding) is Rounding.CONVENTIONAL:
        given = [k for k in NOISE if fields.has(k)]
        if given:
            raise fields.wrong(given[0], "policy-range", f"{given[0]!r} belongs to the rounding cell_key.")
        return {}
    widest, variance = fields.whole("noise_deviation", least=1), fields.number("noise_variance")
    least, t = fields.whole("noise_least"), fields.whole("t")
    if not 0 < variance < widest**2:
        raise fields.wrong(
            "noise_variance", "policy-range", "The variance is above 0 and below the deviation's square."
        )
    if least > widest + 1:
        raise fields.wrong("noise_least", "policy-range", "noise_least is at most one more than noise_deviation.")
    if widest + least > t:
        raise fields.wrong("noise_deviation", "policy-range", "noise_deviation and noise_least together are at most t.")
    values = (Rounding.CELL_KEY, widest, variance, least)
    return dict(zip(("rounding", *NOISE), values, strict=True))


def _positive(fields: Fields, key: str, default: float) -> float:
    found = fields.number(key) if fields.has(key) else default
    if found <= 0:
        raise fields.wrong(key, "policy-range", f"{key!r} is above 0.")
    return found


def _whisker(fields: Fields) -> float:
    found = fields.number("whisker") if fields.has("whisker") else Profile.whisker
    if not 0 < found < 0.25:
        raise fields.wrong("whisker", "policy-range", "whisker is a share above 0 and under a quarter.")
    return found


def _nearly_all(fields: Fields) -> float:
    found = fields.number("nearly_all") if fields.has("nearly_all") else Profile.nearly_all
    if not 0 < found < 1:
        raise fields.wrong("nearly_all", "policy-range", "nearly_all is a share above 0 and below 1.")
    return found


def _extreme_percent(fields: Fields) -> float:
    found = fields.number("extreme_percent") if fields.has("extreme_percent") else Profile.extreme_percent
    if not 0 <= found < 50:
        raise fields.wrong("extreme_percent", "policy-range", "extreme_percent is a percentage below 50.")
    return found


def _percent(fields: Fields, key: str) -> float | None:
    value = fields.number_or_none(key)
    if value is not None and not 0 < value <= 100:
        raise fields.wrong(key, "policy-range", f"{key!r} is a percentage above 0 and at most 100, or null.")
    return value


def read_service(path: Path) -> Service:
    known = fields(Service)
    found = Fields(read_yaml(path), (f.name for f in known))
    lists = {k: tuple(n.text() for n in found.words(k)) for k in SERVICE_LISTS if found.has(k)}
    flags = {k: found.flag(k, True) for k in SERVICE_FLAGS if found.has(k)}
    times = {k: _growing(found, k) for k in SERVICE_TIMES if found.has(k)}
    others = {*SERVICE_LISTS, *SERVICE_FLAGS, *SERVICE_TIMES}
    named = [f.name for f in known if f.name not in others and found.has(f.name)]
    numbers = {name: found.whole(name, least=0 if name in SERVICE_MAY_BE_ZERO else 1) for name in named}
    for node in found.words("allowed_files"):
        if not node.text().startswith(".") or node.text() != node.text().lower():
            raise node.wrong("file-ending", "An ending is written like .csv, in small letters.")
    for field in known:
        if field.default is MISSING:
            found.at(field.name)
    values: dict[str, Any] = {**numbers, **lists, **flags, **times}
    return Service(**values)


def _growing(fields: Fields, key: str) -> tuple[int, ...]:
    """Whole seconds, each more than the one before."""
    found = tuple(n.value for n in fields.words(key))
    numbers = tuple(s for s in found if isinstance(s, int) and not isinstance(s, bool))
    if not numbers or numbers != found or list(numbers) != sorted({0, *numbers})[1:]:
        raise fields.wrong(key, "policy-range", f"{key!r} is a list of whole seconds above 0, each more than the last.")
    return numbers


def read_combinations(path: Path, catalogue: Catalogue) -> tuple[CombinationRule, ...]:
    fields = Fields(read_yaml(path), ("combinations",))
    found: dict[str, CombinationRule] = {}
    for node in fields.at("combinations").items():
        rule = _combination(node, catalogue)
        if rule.id in found:
            raise node.wrong("duplicate-rule", f"There are two combination rules {rule.id}.")
        found[rule.id] = rule
    return tuple(found.values())


def _combination(node: Located, catalogue: Catalogue) -> CombinationRule:
    fields = Fields(node, COMBINATION_KEYS)
    replace = fields.at("replace").fields() if fields.has("replace") else {}
    rule = CombinationRule(
        id=fields.text("id"),
        note=fields.text("note"),
        any_of=tuple(_side(n, catalogue) for n in fields.words("any_of")),
        with_any=tuple(_side(n, catalogue) for n in fields.words("with_any")),
        years=fields.years("years") if fields.has("years") else None,
        under_gateway=fields.text_or_none("under_gateway"),
        replace={name: _replaced(name, value, catalogue) for name, value in replace.items()},
        default_items_only=fields.flag("default_items_only", False),
    )
    if bool(rule.any_of) + bool(rule.replace) + rule.default_items_only != 1:
        raise node.wrong("empty-rule", "A rule has one of any_of, replace and default_items_only.")
    if rule.with_any and not rule.any_of:
        raise node.wrong("empty-rule", "with_any needs any_of.")
    return rule


def _replaced(name: str, value: Located, catalogue: Catalogue) -> str:
    if not _is_variable(name, catalogue):
        raise value.wrong("unknown-variable", f"No table has a variable {name!r}.")
    return value.text()


def _side(node: Located, catalogue: Catalogue) -> str:
    """One member of a side, in the catalogue's spelling where that matters; names that mean nothing are errors."""
    kind, _, name = node.text().partition(":")
    match kind:
        case "class" if name in set(VariableClass):
            return node.text()
        case "table" if (table := catalogue.find(name)) is not None:
            return f"table:{table.full_name}"
        case "variable" if _is_variable(name, catalogue):
            return node.text()
    raise node.wrong("unknown-name", f"{node.text()!r} names nothing: write class:, table: or variable: and a name.")


def _is_variable(name: str, catalogue: Catalogue) -> bool:
    return any(table.find(name) for table in catalogue.tables)
