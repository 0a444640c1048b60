"""The privacy record of a job: what was promised and how, for machines. It follows from the design alone, made before
data were read, so it cannot say how many rows met a bound."""

from dataclasses import asdict
from fractions import Fraction

from broker.domain.amounts import DELTAS, MICRO, Accounting, Amount
from broker.policy.privacy import PrivacyProfile, Promise
from broker.privacy.blocks import Block, Kind
from broker.privacy.bounds import influence_on, sensitivity
from broker.privacy.design import Design, Part
from broker.privacy.measurements import charge, epsilon_of
from broker.privacy.mechanisms import Selection, Threshold
from broker.privacy.tables import Influence, PrivateTable

Json = dict[str, object]


def record(design: Design, promise: Promise, profile: PrivacyProfile) -> Json:
    """One JSON object: unit, neighbours, accounting, spend, the replace-one figure, cap, each part with its bounds."""
    return {
        "method": "differential privacy: bounded sums, integer noise by OpenDP, post-processing",
        "unit": promise.unit.value,
        "neighbours": "one person added or removed, with all of their rows",
        "accounting": design.charge.accounting.value,
        "spend": told(design.charge, promise),
        "spend_if_a_person_is_replaced": told(charge(design.bundle, 2), promise),
        "cap_per_person": told(promise.cap, promise),
        "interval_level": profile.level,
        "display_floor": profile.display_floor,
        "tables": [_table(t, t_.name, design) for t, t_ in enumerate(design.tables)],
    }


def told(amount: Amount, promise: Promise) -> Json:
    """An amount in figures that people know: epsilon and delta; of a rho, the epsilon at the promise's delta."""
    loss, delta = Fraction(amount.micro, MICRO), Fraction(amount.delta, DELTAS)
    if amount.accounting is not Accounting.CONCENTRATED:
        return {"epsilon": float(loss), "delta": float(delta)}
    return {
        "rho": float(loss),
        "epsilon": epsilon_of(loss, promise.stated_delta),
        "delta": float(delta) + promise.stated_delta,
    }


def _table(position: int, name: str, design: Design) -> Json:
    table = design.tables[position]
    return {
        "name": name,
        "grouping_sets": [[table.dimensions[i].name for i in s] for s in table.sets],
        "keys": {d.name: "public list" if d.values is not None else "threshold" for d in table.dimensions},
        "most_of_one_person": asdict(table.influence),
        "truncation": truncation(table.influence),
        "margins": "fitted to each other" if table.listed and len(table.sets) > 1 else "as measured",
        "parts": [_part(p, design, table) for p in design.parts if p.table == position],
    }


def truncation(influence: Influence) -> str:
    """The rule, and never how many rows it met."""
    rows = "" if influence.rows is None else f", and at most {influence.rows} in all"
    return (
        f"Of one person at most {influence.cells} cells and {influence.rows_per_cell} rows in each are used{rows}; "
        "which ones does not depend on other people. Values beyond a clamp count as its end."
    )


def _part(part: Part, design: Design, table: PrivateTable) -> Json:
    block, mechanism = design.block(part), design.mechanism(part)
    influence = table.influence_in(part.set)
    bounds = sensitivity(block, influence)
    found: Json = {
        "grouping_set": [table.dimensions[i].name for i in table.sets[part.set]],
        "measured": described(block, table),
        "mechanism": type(mechanism).__name__.lower(),
        "noise": _noise(mechanism.family.value, isinstance(mechanism, Selection)),
        "scale": mechanism.scale,
        "sensitivity": {"l1": bounds.l1, "l2_squared": bounds.l2_squared, "linf": bounds.linf},
    }
    if isinstance(mechanism, Threshold):
        found["threshold"] = mechanism.threshold
    if block.clamp is not None:
        found["clamp"] = {"low": block.clamp.low, "high": block.clamp.high, "steps_to_a_unit": block.clamp.scale}
    if block.persons:
        found["counts_each_person_once_in_a_cell"] = asdict(influence_on(block, influence))
    return found


def _noise(family: str, choice: bool) -> str:
    if not choice:
        return f"integer {family}"
    return "permute-and-flip" if family == "laplace" else "gumbel"


def described(block: Block, table: PrivateTable) -> str:
    """What a block is, in words."""
    number = "" if block.argument is None else table.argument(block.argument).label
    what = "persons" if block.persons else "rows"
    if block.argument is None:
        return f"number of {what}"
    missing = " and of rows without it" if block.missing else ""
    if block.kind is Kind.BINS:
        return f"histogram of {number}{missing}"
    if block.kind is Kind.RANKS:
        return f"quantile {block.of} of {number}"
    return f"shares of {number} of degree {block.degree}{missing}"
