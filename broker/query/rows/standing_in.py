"""Refuses queries of which evidence could not say how far a figure moves without a person. Computes no evidence."""

from sqlglot import exp

from broker.domain.plans import PlannedOutput
from broker.query.refusing import Report
from broker.query.rendering.standing import Gathered, instead


def shows_who_moves(output: PlannedOutput, report: Report, query: exp.Query) -> bool:
    """Whether evidence can tell of each person how far every figure would move without them."""
    try:
        for table in output.tables:
            instead(table.contributions)
    except Gathered:
        message = "Public rows that meet nobody are gathered, numbered or matched with each other as if a person's."
        advice = "Leave them out before, with WHERE key IS NOT NULL, or write JOIN."
        report.add("public-rows", message, advice, report.place(query))
        return False
    return True
