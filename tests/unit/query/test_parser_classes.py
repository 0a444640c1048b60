"""The parser's own classes and arguments, counted: an upgrade that brings a new one fails here until somebody decides.

After deciding, run this file by itself from the root (PYTHONPATH=.) to write the list anew."""

import json
from pathlib import Path

from sqlglot import exp

from broker.domain.sql_dialects import DIALECT_TITLES, SQL_DIALECTS
from broker.query.dialects.known_dialects import DIALECTS

LIST = Path(__file__).parents[2] / "fixtures" / "parser_classes.json"
INSIDE = (exp.DataType, exp.DataTypeParam, exp.Interval, exp.Var, exp.Distinct, exp.Star, exp.Count, exp.Sum, exp.Avg,
          exp.TsOrDsToDate, exp.TimeStrToTime)  # fmt: skip
"""Classes that handlers read without being handlers' own."""

Classes = dict[str, list[str]]


def _below(kind: type[exp.Expr]) -> set[type[exp.Expr]]:
    return {kind}.union(*(_below(k) for k in kind.__subclasses__()))


def _args(kinds: set[type[exp.Expr]]) -> Classes:
    return {k.__name__: sorted(k.arg_types) for k in sorted(kinds, key=lambda k: k.__name__)}


def now() -> dict[str, Classes]:
    """Every function of the parser, and every class that a handler takes, with their arguments."""
    handled = {k for dialect in DIALECTS.values() for k in dialect.handlers} | set(INSIDE)
    return {"functions": _args({k for k in _below(exp.Func) if k.__module__.startswith("sqlglot.")}),
            "handled": _args(handled)}  # fmt: skip


def test_the_parser_has_the_classes_that_somebody_decided_on() -> None:
    decided, found = json.loads(LIST.read_text()), now()
    assert {p: {n for n in decided[p] | found[p] if decided[p].get(n) != found[p].get(n)} for p in found} == {
        "functions": set(), "handled": set(),
    }  # fmt: skip


def test_every_dialect_that_a_submission_can_name_is_understood() -> None:
    assert list(DIALECTS) == list(SQL_DIALECTS) == list(DIALECT_TITLES)


def test_the_allow_lists_are_counted() -> None:
    """A function that is added or taken away is a decision: the numbers change with it."""
    assert {d.name: len(d.functions) for d in DIALECTS.values()} == {"tsql": 77, "duckdb": 91}
    assert {d.name: len(d.handlers) for d in DIALECTS.values()} == {"tsql": 70, "duckdb": 86}
    named = {d.name: sorted(d.named_handlers) for d in DIALECTS.values()}
    assert named == {"tsql": ["CHOOSE"], "duckdb": ["BAR", "DATEPART", "DATE_PART"]}


def test_the_arguments_of_every_function_are_those_of_its_class() -> None:
    for dialect in DIALECTS.values():
        for function in dialect.functions:
            assert function.args <= function.node.arg_types.keys(), function.form


if __name__ == "__main__":
    LIST.write_text(json.dumps(now(), indent=1) + "\n")
