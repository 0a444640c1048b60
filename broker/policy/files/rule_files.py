"""Reads disclosure rules, combination rules and service limits from files. Thresholds are read here, never defined
here."""

from pathlib import Path

from broker.domain.errors import Invalid
from broker.domain.plans.variable_uses import VariableClass
from broker.policy.data_catalogue import Catalogue
from broker.policy.disclosure_rules import DisclosureRules, Percent, Rounding
from broker.policy.files.model_reader import PolicyFields, distinct, keys_of, read_model
from broker.policy.files.yaml_reader import LocatedValue, read_yaml
from broker.policy.policy_set import CombinationRule
from broker.policy.service_limits import ServiceLimits

RULE_KEYS = keys_of(DisclosureRules) - {"suppressed_symbol"}
REQUIRED_RULES = (
    "zeros", "full", "full_share", "dominance_n", "round_base", "mean_digits", "percent_digits", "sum_digits",
    "min_interval", "dof", "max_listed_rows", "small_quota", "min_institutions",
)  # fmt: skip
NOISE_KEYS = ("noise_deviation", "noise_variance", "noise_least")
SERVICE_TIMES = ("time_slots", "synthetic_time_slots")


def read_disclosure_rules(folder: Path) -> tuple[DisclosureRules, ...]:
    files = [PolicyFields(read_yaml(path), RULE_KEYS) for path in sorted(folder.glob("*.yaml"))]
    if not files:
        raise Invalid("policy-file", "There is no profile.", str(folder))
    found = [(_disclosure_rules(fields), fields.at("name")) for fields in files]
    return distinct(found, lambda rules: rules.name, "duplicate-profile", "There are two profiles {0.name!r}.")


def load_disclosure_rules(path: Path) -> DisclosureRules:
    """One set of disclosure rules from a file of its own."""
    return _disclosure_rules(PolicyFields(read_yaml(path), RULE_KEYS))


def _disclosure_rules(fields: PolicyFields) -> DisclosureRules:
    has_noise = fields.value("rounding", Rounding, Rounding.CONVENTIONAL) is Rounding.CELL_KEY
    superfluous = next((key for key in NOISE_KEYS if fields.has(key) and not has_noise), None)
    if superfluous:
        raise fields.wrong(superfluous, "policy-range", f"{superfluous!r} belongs to the rounding cell_key.")
    required = (*REQUIRED_RULES, *NOISE_KEYS) if has_noise else REQUIRED_RULES
    rules = read_model(fields, DisclosureRules, required, p_percent=fields.value("p_percent", Percent, None))
    if has_noise:
        _check_noise(fields, rules)
    return rules


def _check_noise(fields: PolicyFields, rules: DisclosureRules) -> None:
    """Every count that passes the threshold gets noise of full width, so that no count is exact."""
    widest, least = rules.noise_deviation, rules.noise_least
    if not 0 < rules.noise_variance < widest**2:
        message = "The variance is above 0 and below the deviation's square."
        raise fields.wrong("noise_variance", "policy-range", message)
    if least > widest + 1:
        raise fields.wrong("noise_least", "policy-range", "noise_least is at most one more than noise_deviation.")
    if widest + least > rules.t:  # otherwise the noise could move a count of t persons below noise_least
        raise fields.wrong("noise_deviation", "policy-range", "noise_deviation and noise_least together are at most t.")


def read_service(path: Path) -> ServiceLimits:
    fields = PolicyFields(read_yaml(path), keys_of(ServiceLimits))
    for node in fields.listed("allowed_files"):
        if not node.text().startswith(".") or node.text() != node.text().lower():
            raise node.wrong("file-ending", "An ending is written like .csv, in small letters.")
    return read_model(fields, ServiceLimits, **{key: _growing(fields, key) for key in SERVICE_TIMES if fields.has(key)})


def _growing(fields: PolicyFields, key: str) -> tuple[int, ...]:
    """A list of whole seconds, each larger than the one before."""
    found = tuple(n.value for n in fields.listed(key))
    numbers = tuple(s for s in found if isinstance(s, int) and not isinstance(s, bool))
    # positive and strictly increasing
    if not numbers or numbers != found or list(numbers) != sorted({0, *numbers})[1:]:
        raise fields.wrong(key, "policy-range", f"{key!r} is a list of whole seconds above 0, each more than the last.")
    return numbers


def read_combinations(path: Path, catalogue: Catalogue) -> tuple[CombinationRule, ...]:
    nodes = PolicyFields(read_yaml(path), ("combinations",)).at("combinations").items()
    found = [(_combination(node, catalogue), node) for node in nodes]
    return distinct(found, lambda rule: rule.id, "duplicate-rule", "There are two combination rules {0.id}.")


def _combination(node: LocatedValue, catalogue: Catalogue) -> CombinationRule:
    fields = PolicyFields(node, keys_of(CombinationRule))
    replace = fields.at("replace").fields() if fields.has("replace") else {}
    rule = read_model(
        fields,
        CombinationRule,
        any_of=tuple(_side_member(n, catalogue) for n in fields.listed("any_of")),
        with_any=tuple(_side_member(n, catalogue) for n in fields.listed("with_any")),
        replace={name: _replaced(name, value, catalogue) for name, value in replace.items()},
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
