"""TPC-H and TPC-DS: every query attributed, accepted or not; what the engine scans is in the uses."""

import pytest
import tpc

from tests.proof_size import report_figures


@pytest.mark.parametrize("name", tpc.COUNTS)
def test_every_query_is_attributed(name: str) -> None:
    figures = tpc.figures(tpc.attribute(tpc.benchmark_queries(name)))
    report_figures(name, figures)
    assert figures["scanned_but_not_used"] == {}
