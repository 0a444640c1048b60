"""Refuses queries of which evidence could not say how far a figure moves without a person. Computes no evidence."""

from sqlglot import exp

from broker.domain.plans import PlannedOutput
from broker.query.refusing import Report
from broker.query.rendering.standing import GATHERED, Gathered, instead


def shows_who_moves(output: PlannedOutput, report: Report, query: exp.Query) -> bool:
    """Whether evidence can tell of each person how far every figure would move without them."""
    try:
        for table in output.tables:
            instead(table.contributions)
    except Gathered:
        report.add("public-rows", *GATHERED, report.place(query))
        return False
    return True
