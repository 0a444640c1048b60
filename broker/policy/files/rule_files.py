"""Reads disclosure rules, combination rules and service limits from files. Thresholds are read here, never defined
here."""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from broker.domain.errors import Invalid
from broker.domain.plans.variable_uses import VariableClass
from broker.policy.data_catalogue import Catalogue
from broker.policy.disclosure_rules import DisclosureRules, Rounding, ZeroPolicy
from broker.policy.files.yaml_reader import LocatedValue, PolicyFields, read_yaml
from broker.policy.policy_set import CombinationRule
from broker.policy.service_limits import ServiceLimits

COMBINATION_KEYS = ("id", "note", "any_of", "with_any", "years", "under_gateway", "replace", "default_items_only")

NOISE_KEYS = ("noise_deviation", "noise_variance", "noise_least")

SERVICE_FLAGS = ("python_synthetic_first",)
SERVICE_LISTS = ("allowed_files", "python_modules")
SERVICE_TIMES = ("time_slots", "synthetic_time_slots")
SERVICE_MAY_BE_ZERO = frozenset({"warm_each", "compare_milliseconds", "short_lane_slots"})


def read_disclosure_rules(folder: Path) -> tuple[DisclosureRules, ...]:
    rules_by_name: dict[str, DisclosureRules] = {}
    for path in sorted(folder.glob("*.yaml")):
        fields = _rule_fields(path)
        rules = _disclosure_rules(fields)
        if rules.name in rules_by_name:
            raise fields.wrong("name", "duplicate-profile", f"There are two profiles {rules.name!r}.")
        rules_by_name[rules.name] = rules
    if not rules_by_name:
        raise Invalid("policy-file", "There is no profile.", str(folder))
    return tuple(rules_by_name.values())


def load_disclosure_rules(path: Path) -> DisclosureRules:
    """One set of disclosure rules from a file of its own."""
    return _disclosure_rules(_rule_fields(path))


def _rule_fields(path: Path) -> PolicyFields:
    return PolicyFields(read_yaml(path), (f.name for f in fields(DisclosureRules) if f.name != "suppressed_symbol"))


def _disclosure_rules(fields: PolicyFields) -> DisclosureRules:
    share = fields.number("full_share")
    if not 0.5 < share <= 1:
        raise fields.wrong("full_share", "policy-range", "full_share is a share above one half.")
    noise = _noise(fields)
    return DisclosureRules(
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
        max_leverage=_positive(fields, "max_leverage", DisclosureRules.max_leverage),
        max_influence=_positive(fields, "max_influence", DisclosureRules.max_influence),
        file_digits=fields.whole("file_digits", default=DisclosureRules.file_digits, least=1),
        many_rows=fields.whole("many_rows", default=DisclosureRules.many_rows),
        many_values=fields.whole("many_values", default=DisclosureRules.many_values),
        nearly_all=_nearly_all(fields),
        extreme_percent=_extreme_percent(fields),
        fit_digits=fields.whole("fit_digits", default=DisclosureRules.fit_digits, least=1),
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


def _noise(fields: PolicyFields) -> dict[str, Any]:
    """Parameters of cell-key rounding. Every count that passes the threshold gets noise of full width, so that no count
    is exact."""
    if not fields.has("rounding") or fields.choice("rounding", Rounding) is Rounding.CONVENTIONAL:
        superfluous = [k for k in NOISE_KEYS if fields.has(k)]
        if superfluous:
            raise fields.wrong(superfluous[0], "policy-range", f"{superfluous[0]!r} belongs to the rounding cell_key.")
        return {}
    widest, variance = fields.whole("noise_deviation", least=1), fields.number("noise_variance")
    least, t = fields.whole("noise_least"), fields.whole("t")
    if not 0 < variance < widest**2:
        raise fields.wrong(
            "noise_variance", "policy-range", "The variance is above 0 and below the deviation's square."
        )
    if least > widest + 1:
        raise fields.wrong("noise_least", "policy-range", "noise_least is at most one more than noise_deviation.")
    if widest + least > t:  # otherwise the noise could move a count of t persons below noise_least
        raise fields.wrong("noise_deviation", "policy-range", "noise_deviation and noise_least together are at most t.")
    values = (Rounding.CELL_KEY, widest, variance, least)
    return dict(zip(("rounding", *NOISE_KEYS), values, strict=True))


def _positive(fields: PolicyFields, key: str, default: float) -> float:
    found = fields.number(key) if fields.has(key) else default
    if found <= 0:
        raise fields.wrong(key, "policy-range", f"{key!r} is above 0.")
    return found


def _whisker(fields: PolicyFields) -> float:
    found = fields.number("whisker") if fields.has("whisker") else DisclosureRules.whisker
    if not 0 < found < 0.25:
        raise fields.wrong("whisker", "policy-range", "whisker is a share above 0 and under a quarter.")
    return found


def _nearly_all(fields: PolicyFields) -> float:
    found = fields.number("nearly_all") if fields.has("nearly_all") else DisclosureRules.nearly_all
    if not 0 < found < 1:
        raise fields.wrong("nearly_all", "policy-range", "nearly_all is a share above 0 and below 1.")
    return found


def _extreme_percent(fields: PolicyFields) -> float:
    found = fields.number("extreme_percent") if fields.has("extreme_percent") else DisclosureRules.extreme_percent
    if not 0 <= found < 50:
        raise fields.wrong("extreme_percent", "policy-range", "extreme_percent is a percentage below 50.")
    return found


def _percent(fields: PolicyFields, key: str) -> float | None:
    value = fields.number_or_none(key)
    if value is not None and not 0 < value <= 100:
        raise fields.wrong(key, "policy-range", f"{key!r} is a percentage above 0 and at most 100, or null.")
    return value


def read_service(path: Path) -> ServiceLimits:
    known = fields(ServiceLimits)
    fields_of_file = PolicyFields(read_yaml(path), (f.name for f in known))
    lists = {k: tuple(n.text() for n in fields_of_file.listed(k)) for k in SERVICE_LISTS if fields_of_file.has(k)}
    flags = {k: fields_of_file.flag(k, True) for k in SERVICE_FLAGS if fields_of_file.has(k)}
    times = {k: _growing(fields_of_file, k) for k in SERVICE_TIMES if fields_of_file.has(k)}
    others = {*SERVICE_LISTS, *SERVICE_FLAGS, *SERVICE_TIMES}
    named = [f.name for f in known if f.name not in others and fields_of_file.has(f.name)]
    numbers = {name: fields_of_file.whole(name, least=0 if name in SERVICE_MAY_BE_ZERO else 1) for name in named}
    for node in fields_of_file.listed("allowed_files"):
        if not node.text().startswith(".") or node.text() != node.text().lower():
            raise node.wrong("file-ending", "An ending is written like .csv, in small letters.")
    for field in known:
        if field.default is MISSING:  # every limit without a default must be in the file
            fields_of_file.at(field.name)
    values: dict[str, Any] = {**numbers, **lists, **flags, **times}
    return ServiceLimits(**values)


def _growing(fields: PolicyFields, key: str) -> tuple[int, ...]:
    """A list of whole seconds, each larger than the one before."""
    found = tuple(n.value for n in fields.listed(key))
    numbers = tuple(s for s in found if isinstance(s, int) and not isinstance(s, bool))
    # positive and strictly increasing
    if not numbers or numbers != found or list(numbers) != sorted({0, *numbers})[1:]:
        raise fields.wrong(key, "policy-range", f"{key!r} is a list of whole seconds above 0, each more than the last.")
    return numbers


def read_combinations(path: Path, catalogue: Catalogue) -> tuple[CombinationRule, ...]:
    fields = PolicyFields(read_yaml(path), ("combinations",))
    rules_by_id: dict[str, CombinationRule] = {}
    for node in fields.at("combinations").items():
        rule = _combination(node, catalogue)
        if rule.id in rules_by_id:
            raise node.wrong("duplicate-rule", f"There are two combination rules {rule.id}.")
        rules_by_id[rule.id] = rule
    return tuple(rules_by_id.values())


def _combination(node: LocatedValue, catalogue: Catalogue) -> CombinationRule:
    fields = PolicyFields(node, COMBINATION_KEYS)
    replace = fields.at("replace").fields() if fields.has("replace") else {}
    rule = CombinationRule(
        id=fields.text("id"),
        note=fields.text("note"),
        any_of=tuple(_side_member(n, catalogue) for n in fields.listed("any_of")),
        with_any=tuple(_side_member(n, catalogue) for n in fields.listed("with_any")),
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


def _replaced(name: str, value: LocatedValue, catalogue: Catalogue) -> str:
    if not _is_variable(name, catalogue):
        raise value.wrong("unknown-variable", f"No table has a variable {name!r}.")
    return value.text()


def _side_member(node: LocatedValue, catalogue: Catalogue) -> str:
    """One member of a side, in the spelling of the catalogue where that matters. Raises Invalid for unknown names."""
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
