"""The privacy record of a job, as JSON and as sentences for readers: what was promised and how."""

from dataclasses import asdict
from fractions import Fraction
from math import ceil, exp

from broker.domain.ledger.privacy_loss import DELTA_UNITS, MICRO, Accounting, PrivacyAmount
from broker.policy.privacy_policy import PrivacyProfile, PrivacyPromise
from broker.privacy.block_layout import Block, BlockKind
from broker.privacy.measurement_design import DesignPart, MeasurementDesign
from broker.privacy.measurements import charge, epsilon_of
from broker.privacy.mechanisms import Mechanism, MechanismBundle, NoiseFamily, Selection, Threshold
from broker.privacy.private_tables import Influence, PrivateTable
from broker.privacy.sensitivity import Sensitivity, block_sensitivity, influence_on

Json = dict[str, object]


def privacy_record(design: MeasurementDesign, promise: PrivacyPromise, profile: PrivacyProfile) -> Json:
    """One JSON object: what was promised and spent, and each part with its bounds."""
    method = "differential privacy: bounded sums, integer noise by OpenDP, post-processing"
    return spend_record(method, design.bundle, design.charge, promise) | {
        "interval_level": profile.level,
        "display_floor": profile.display_floor,
        "tables": [_table_record(t, design) for t in range(len(design.tables))],
    }


def spend_record(method: str, bundle: MechanismBundle, spent: PrivacyAmount, promise: PrivacyPromise) -> Json:
    """Unit, neighbours, accounting, spend, the loss if a person is replaced, and cap."""
    return {
        "method": method,
        "unit": promise.unit.value,
        "neighbours": "one person added or removed, with all of their rows",
        "accounting": spent.accounting.value,
        "spend": stated_loss(spent, promise),
        "spend_if_a_person_is_replaced": stated_loss(charge(bundle, 2), promise),  # one removed and one added
        "cap_per_person": stated_loss(promise.cap, promise),
    }


def stated_loss(amount: PrivacyAmount, promise: PrivacyPromise) -> Json:
    """A loss in familiar figures: epsilon and delta; for a rho also the epsilon at the promise's delta."""
    loss, delta = Fraction(amount.micro, MICRO), Fraction(amount.delta, DELTA_UNITS)  # exact until the last division
    # Losses that are counted in rho also get the familiar epsilon.
    if amount.accounting is not Accounting.CONCENTRATED:
        return {"epsilon": float(loss), "delta": float(delta)}
    return {
        "rho": float(loss),
        "epsilon": epsilon_of(loss, promise.stated_delta),
        "delta": float(delta) + promise.stated_delta,
    }


def _table_record(position: int, design: MeasurementDesign) -> Json:
    table = design.tables[position]
    return {
        "name": table.name,
        "grouping_sets": [[table.dimensions[i].name for i in s] for s in table.sets],
        "keys": {d.name: "public list" if d.values is not None else "threshold" for d in table.dimensions},
        "most_of_one_person": asdict(table.influence),
        "truncation": truncation_rule(table.influence),
        "margins": "fitted to each other" if table.listed and len(table.sets) > 1 else "as measured",
        "parts": [_part_record(p, design, table) for p in design.parts if p.table == position],
    }


def truncation_rule(influence: Influence) -> str:
    """The rule as a sentence, and never how many rows it left out."""
    rows = "" if influence.rows is None else f", and at most {influence.rows} in all"
    return (
        f"At most {influence.cells} cells of one person, and {influence.rows_per_cell} rows in each cell, are "
        f"used{rows}. Other people do not affect which ones. A value outside a clamp counts as the nearest end "
        "of the clamp."
    )


def _part_record(part: DesignPart, design: MeasurementDesign, table: PrivateTable) -> Json:
    block, mechanism = design.block(part), design.mechanism(part)
    influence = table.influence_in(part.set)
    bounds = block_sensitivity(block, influence)
    found: Json = {
        "grouping_set": [table.dimensions[i].name for i in table.sets[part.set]],
        "measured": block_description(block, table),
        "mechanism": type(mechanism).__name__.lower(),
        "noise": noise_name(mechanism),
        "scale": mechanism.scale,
        "sensitivity": sensitivity_record(bounds),
    }
    if isinstance(mechanism, Threshold):
        found["threshold"] = mechanism.threshold
    if block.clamp is not None:
        found["clamp"] = {"low": block.clamp.low, "high": block.clamp.high, "steps_to_a_unit": block.clamp.scale}
    if block.persons:
        found["counts_each_person_once_in_a_cell"] = asdict(influence_on(block, influence))
    return found


def sensitivity_record(bounds: Sensitivity) -> Json:
    return {"l1": bounds.l1, "l2_squared": bounds.l2_squared, "linf": bounds.linf}


def noise_name(mechanism: Mechanism) -> str:
    if not isinstance(mechanism, Selection):
        return f"integer {mechanism.family}"
    return "permute-and-flip" if mechanism.family is NoiseFamily.LAPLACE else "gumbel"


def block_description(block: Block, table: PrivateTable) -> str:
    """A block in words."""
    number = "" if block.argument is None else table.argument(block.argument).label
    what = "persons" if block.persons else "rows"
    if block.argument is None:
        return f"number of {what}"
    missing = " and of rows without it" if block.missing else ""
    if block.kind is BlockKind.RANKS:
        return f"quantile {block.required_fraction} of {number}"
    return f"shares of {number} of degree {block.degree}{missing}"


def plain_words(design: MeasurementDesign, promise: PrivacyPromise, profile: PrivacyProfile) -> tuple[str, ...]:
    """Sentences on what was done and what it means."""
    sentences = [
        "Random noise was added to every figure of this table, including empty cells, before anybody saw it.",
        odds_sentence(design.charge, promise),
        (
            f"Each interval contains the figure without noise in {round(100 * profile.level)} of 100 releases. The "
            "interval covers only the noise, not sampling, missing records or the bounds below."
        ),
        *dict.fromkeys(truncation_rule(t.influence) for t in design.tables),
    ]
    if profile.display_floor > 0:
        sentences.append(f"Cells with a noisy count under {profile.display_floor} are not shown.")
    if any(d.values is None for t in design.tables for d in t.dimensions):
        sentences.append("A group that is not on a public list is shown only if its noisy count is high enough.")
    return tuple(sentences)


def odds_sentence(loss: PrivacyAmount, promise: PrivacyPromise) -> str:
    """Epsilon as the largest factor by which an onlooker's odds can change, e^epsilon, from even odds."""
    epsilon = stated_loss(loss, promise)["epsilon"]
    assert isinstance(epsilon, float)
    guess = 1 / (1 + exp(-epsilon))  # e^epsilon / (1 + e^epsilon)
    return (
        "Suppose that somebody guesses whether one person is in the data, with even chances before they see "
        f"this release. After it they are right in at most {ceil(100 * guess)} % of cases, whatever else they "
        "know."
    )
