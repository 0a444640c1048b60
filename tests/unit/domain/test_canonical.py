"""Hashes that a store holds stay what they were when classes and fields get other names."""

import ast
from decimal import Decimal
from pathlib import Path

import pytest

from broker.domain.plans.canonical import HASHED_CLASSES, HASHED_FIELDS, HASHED_SENTENCES, canonical_repr, plan_text
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import ColumnRef, ScalarType
from broker.python_jobs.block_tables import BlockTable, BlockTables
from broker.python_jobs.private_directive import AnswerRange, ScriptDirective
from broker.query.binder.aggregate_statistics import NO_AUTOMATIC_VERDICT

pytestmark = pytest.mark.slow

BROKER = Path(__file__).parents[3] / "broker"


def test_a_private_script_is_the_same_question_as_before_its_classes_were_renamed() -> None:
    directive = ScriptDirective("epsilon", Decimal("0.5"), 200, (AnswerRange("mean", Decimal(0), Decimal(90)),))
    tables = BlockTables((), (BlockTable("npd.absence", ("LA",), frozenset({2019})),), "pupil")
    assert canonical_repr((directive, tables)) == (
        "(Asks(word='epsilon', number=Decimal('0.5'), blocks=200, "
        "ranges=(Range(name='mean', low=Decimal('0'), high=Decimal('90')),), "
        "estimator=<Estimator.MEAN: 'mean'>, seconds=None), "
        "Cut(public=(), persons=(CutTable(name='npd.absence', variables=('LA',), "
        "years=frozenset({2019})),), unit='pupil'))"
    )


def test_a_plan_has_the_text_that_it_had_before_its_classes_were_renamed() -> None:
    share = PlannedStatistic(4, Measure.SHARE, ColumnRef(2, ScalarType.INT), ScalarType.DOUBLE, implied_by=3)
    assert plan_text(share) == (
        "('Statistic', ('ident', 4), ('measure', <Measure.SHARE: 'share'>), "
        "('argument', ('Column', ('ident', 2), ('type', <Type.INT: 'int'>))), ('type', <Type.DOUBLE: 'double'>), "
        "('behind', 3), ('truncated', False), ('needs_review', None), ('bounds', None), ('like', None), "
        "('form', None), ('counts', False))"
    )


def test_every_name_of_the_hashes_is_of_a_class_and_a_field_that_exist() -> None:
    classes = {
        node.name: {f.target.id for f in node.body if isinstance(f, ast.AnnAssign) and isinstance(f.target, ast.Name)}
        for path in BROKER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    assert HASHED_CLASSES.keys() <= classes.keys()
    assert all(field in classes[name] for name, field in HASHED_FIELDS)


def test_a_sentence_of_today_is_hashed_as_the_sentence_that_stores_know() -> None:
    def hashed(sentence: str) -> str:
        return plan_text(PlannedStatistic(1, Measure.SUM, None, ScalarType.INT, needs_review=sentence))

    for today, before in HASHED_SENTENCES.items():
        assert hashed(today) == hashed(before) != hashed("Another sentence.")


def test_every_sentence_of_today_is_one_that_the_compiler_writes() -> None:
    """A sentence that changes again without its entry would give plans new hashes."""
    texts = [path.read_text() for room in ("query", "python_jobs") for path in (BROKER / room).rglob("*.py")]
    nodes = [node for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    found = {node.value for node in nodes if isinstance(node.value, str)}
    quantiles = {NO_AUTOMATIC_VERDICT.format(subject) for subject in ("A quantile", "A deviation")}
    assert HASHED_SENTENCES.keys() - found - quantiles == set()
