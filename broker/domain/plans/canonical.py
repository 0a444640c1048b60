"""Canonical texts of plans and of private questions. Stores hold hashes of them, so renaming code must not change
them."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache

from broker.domain.plans.operators import Limit, Sort

HASHED_CLASSES: Mapping[str, str] = {
    "AnswerRange": "Range",
    "BlockEstimator": "Estimator",
    "BlockTable": "CutTable",
    "BlockTables": "Cut",
    "Cohort": "Kept",
    "ColumnRef": "Column",
    "DeviationForm": "Deviation",
    "GroupKey": "Key",
    "PlannedStatistic": "Statistic",
    "PrivateMeasure": "Ask",
    "PrivateStatistic": "Statistic",
    "QuantileForm": "Fraction",
    "ScalarType": "Type",
    "ScriptDirective": "Asks",
    "Usage": "How",
}
"""Name of a class in the hashes, if its name in the code is different today."""
HASHED_FIELDS: Mapping[tuple[str, str], str] = {
    ("DeviationForm", "is_variance"): "squared",
    ("DeviationForm", "of_population"): "whole",
    ("Dimension", "max_values"): "most",
    ("PlannedStatistic", "displayed_like"): "like",
    ("PlannedStatistic", "implied_by"): "behind",
    ("PlannedTable", "max_rows"): "most",
    ("PrivateStatistic", "measure"): "ask",
    ("PrivateStatistic", "of_population"): "whole",
    ("PrivateTable", "public_counts"): "public",
    ("QuantileForm", "fraction"): "of",
    ("ScriptDirective", "loss"): "number",
    ("ScriptDirective", "loss_name"): "word",
}
"""The same for fields, by class and field."""
RETIRED_FIELDS: Mapping[str, str] = {"PrivateStatistic": "share=1"}
"""What still stands at the end of a class in the hashes, for fields that never had another value and are gone."""
OMITTED_FIELDS = frozenset(
    {("GroupKey", "years"), *(("PlannedStatistic", name) for name in ("decimals", "growth", "made_bounds", "scale"))}
)
"""Fields that follow from others and the catalogue, and came later than stored hashes."""
HASHED_SENTENCES: Mapping[str, str] = {
    "A script made a column of this figure, and its content was not verified.": (
        "A script made a column of this figure, and nobody has verified what is in it."
    ),
    "A condition reads the amount that is added up, and can fix the amounts of some people but not of others.": (
        "A condition that is not one of several reads what is added up: it can fix what some people add, and not "
        "others."
    ),
    "The branches of a set operation select rows by the amount that is added up.": (
        "Branches of a set operation choose rows by what is added up."
    ),
    "The amounts come from a public table, so everybody knows how much each person adds.": (
        "Numbers of a public table are added up: everybody knows what each person adds."
    ),
    "A code is added up. A code is not an amount, and others can know it.": (
        "A code is added up: it is no amount, and others can know it."
    ),
    "A public table is not joined on its unique key, so rows are counted several times.": (
        "A public table is joined otherwise than on its unique key, so rows are counted several times."
    ),
    "A condition matches several written rows at once, so rows are counted several times.": (
        "A condition meets several written rows at once, so rows are counted several times."
    ),
    "A table is joined with itself so often that a person with many rows counts too much.": (
        "A table is joined with itself so often that one person's many rows count as a power of their number."
    ),
    "APPLY turns one row into several.": (
        "APPLY makes several rows of one."
    ),
    "Conditions on some rows of a person decide how many of their other rows are counted.": (
        "Conditions on one person's rows decide how many others of theirs are counted."
    ),
    "The argument is arithmetic over a person's row, which has no automatic verdict.": (
        "An argument outside the closed list: arithmetic over a person's row."
    ),
    "The number of rows of each person is used in arithmetic other than multiplication by a constant.": (
        "Numbers of rows of each person are computed with otherwise than by a factor."
    ),
    "A deviation can be one person's own value, or reveal a few persons, so it has no automatic verdict.": (
        "A deviation can be one person's own value, or tell of few: it has no automatic verdict."
    ),
    "The query has too many conditions to compare automatically.": (
        "So many conditions in one query cannot be compared with each other automatically."
    ),
    "A value depends on people outside the cell.": (
        "A value depends on other people than those of the cell."
    ),
    "Numbers of a lookup are added up. Chosen weights can pack several counts into one figure.": (
        "Numbers of a lookup are added up: chosen weights can pack several counts into one figure."
    ),
    "COUNT(DISTINCT …) counts a variable other than the link key, so it counts values and not persons.": (
        "COUNT(DISTINCT …) of a variable other than the link key: its values are the contributors."
    ),
}  # fmt: skip
"""Sentences that say why a statistic is reviewed: the sentence in the hashes, by the sentence of today."""
ADDED_FIELDS = frozenset({("WindowColumn", "frame")})
"""Fields that the hashes have only where they are not None: older plans were hashed without them."""
RELATION_OPERATORS: Mapping[str, tuple[str, frozenset[str]]] = {
    "Aggregate": ("Gather", frozenset()),
    "AggregateCall": ("Aggregate", frozenset()),
    "Apply": ("Attach", frozenset()),
    "Limit": ("Limit", frozenset({"ties", "skip"})),
    "Window": ("Over", frozenset()),
}
"""Operators of relations in the hashes: their names, and fields that the hashes omit."""
PROGRAM_OPERATORS: Mapping[str, tuple[str, frozenset[str]]] = {
    "Aggregate": ("Regroup", frozenset({"counted", "person"})),
    "AggregateCall": ("Aggregate", frozenset()),
    "Filter": ("Keep", frozenset()),
    "Join": ("Meet", frozenset({"person", "both", "lateral"})),
    "Limit": ("First", frozenset()),
    "Project": ("Extend", frozenset()),
    "PublicRef": ("Given", frozenset()),
    "TableRef": ("Base", frozenset()),
    "Union": ("Stack", frozenset({"person"})),
    "Window": ("Across", frozenset({"counted"})),
    "WindowColumn": ("AcrossColumn", frozenset({"shared"})),
}
"""The same for operators after the top aggregation."""


class _Text(str):
    """A text whose repr is the text itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def hashed_sentence(sentence: str) -> str:
    """The sentence that stands in the hashes for a sentence of today."""
    return HASHED_SENTENCES.get(sentence, sentence)


def plan_text(value: object) -> str:
    """Text of a part of a plan: (class, (field, value), …) in nested tuples. It does not depend on the order of
    sets."""
    return repr(_nested(value, RELATION_OPERATORS))


def canonical_repr(value: object) -> str:
    """The `repr` of a value, with the names of the hashes."""
    if isinstance(value, tuple):
        return f"({', '.join(map(canonical_repr, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(canonical_repr, value))}]"
    if isinstance(value, Enum):
        return _enum_text(value)
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        shown = [f"{_field(kind, f.name)}={canonical_repr(getattr(value, f.name))}" for f in fields(value) if f.repr]
        shown += [text for name, text in RETIRED_FIELDS.items() if name == kind.__name__]
        return f"{_class(kind)}({', '.join(shown)})"
    return repr(value)


ATOMS = frozenset({str, int, bool, float, type(None)})


def _nested(value: object, operators: Mapping[str, tuple[str, frozenset[str]]]) -> object:
    if type(value) in ATOMS:  # the usual case
        return value
    if isinstance(value, frozenset):
        return ("set", *sorted(map(repr, value)))  # a set has no order of its own
    if isinstance(value, tuple):
        return tuple(_nested(part, operators) for part in value)
    if isinstance(value, Enum):
        return _Text(_enum_text(value))
    if isinstance(value, Sort):  # a Sort was once a Limit without a count, and stored hashes depend on that
        return _nested(Limit(value.child, value.order, None), operators)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    name, written = _named_fields(type(value), operators is PROGRAM_OPERATORS)
    return (
        name,
        *((hashed, _nested_field(value, field, operators)) for field, hashed in written if _is_hashed(value, field)),
    )


def _is_hashed(value: object, field: str) -> bool:
    return (type(value).__name__, field) not in ADDED_FIELDS or getattr(value, field) is not None


def _nested_field(value: object, field: str, operators: Mapping[str, tuple[str, frozenset[str]]]) -> object:
    part = getattr(value, field)
    if field == "needs_review" and isinstance(part, str):
        return hashed_sentence(part)
    return _nested(part, PROGRAM_OPERATORS if field == "program" else operators)


@cache
def _named_fields(kind: type, in_program: bool) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The name of a class in the hashes, and its fields that they have: today's name, and the one in the hashes."""
    operators = PROGRAM_OPERATORS if in_program else RELATION_OPERATORS
    name, left_out = operators.get(kind.__name__, (_class(kind), frozenset[str]()))
    omitted = left_out | {field for owner, field in OMITTED_FIELDS if owner == kind.__name__}
    return name, tuple((f.name, _field(kind, f.name)) for f in fields(kind) if f.name not in omitted)


def _enum_text(value: Enum) -> str:
    return f"<{_class(type(value))}.{value.name}: {value.value!r}>"


def _class(kind: type) -> str:
    return HASHED_CLASSES.get(kind.__name__, kind.__name__)


def _field(kind: type, name: str) -> str:
    return HASHED_FIELDS.get((kind.__name__, name), name)
