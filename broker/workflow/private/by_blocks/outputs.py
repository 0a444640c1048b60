"""A private script's answer as the table that may leave: one row for each number. Everything here is
post-processing."""

from collections.abc import Sequence

from broker.domain.findings import Assessment, JudgedCell, Verdict
from broker.domain.scalars import Value
from broker.privacy.aggregate.figures import estimates
from broker.privacy.aggregate.told import record, words
from broker.privacy.results.figures import of_ratio
from broker.privacy.results.table import BY_PERSON
from broker.python_jobs.private.asks import Estimator
from broker.workflow.private.by_blocks.asking import PrivateScript
from broker.workflow.private.record_head import RECORD, VERSION

COLUMNS = ("number", "value", "value_low", "value_high")


def table_of(script: PrivateScript, drawn: Sequence[int]) -> Assessment:
    """A median has no interval: what is known of it is in the notes."""
    found = of_ratio(estimates(script.made, drawn, script.profile))
    wide = 2 if script.asks.estimator is Estimator.MEDIAN else 4
    lines = zip((r.name for r in script.asks.ranges), found.values, found.low, found.high, strict=True)
    return Assessment(
        name=script.program.output,
        columns=COLUMNS[:wide],
        key_count=1,
        rows=tuple(_row(name, figures[: wide - 1]) for name, *figures in lines),
        findings=() if script.is_automatic else (BY_PERSON,),
        verdict=Verdict.PUBLISH if script.is_automatic else Verdict.REVIEW,
        small=False,
        notes=words(script.made, script.promise, script.profile),
    )


def _row(name: Value, figures: Sequence[Value]) -> JudgedCell:
    values = (name, *figures)
    return JudgedCell(
        keys=(name,),
        exact=(None,) * len(values),
        released=values,
        suppressed=(False,) * len(values),
        verdicts=(Verdict.PUBLISH,) * len(values),
        rules=((),) * len(values),
        persons=0,
    )


def record_of_script(script: PrivateScript) -> dict[str, object]:
    """For machines: what was promised and how. The same whatever the data are."""
    head = {"record": RECORD, "version": VERSION, "profile": script.profile.name}
    found = record(script.made, script.promise, script.profile)
    return {**head, **found, "left_out_as_a_rule": [], "data_sets": list(script.datasets)}
