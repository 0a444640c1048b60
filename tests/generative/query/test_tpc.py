"""TPC-H and TPC-DS: every query attributed, accepted or not; what the engine scans is in the uses."""

import pytest
import tpc
from proof_size import tell


@pytest.mark.parametrize("name", tpc.COUNTS)
def test_every_query_is_attributed(name: str) -> None:
    figures = tpc.figures(tpc.attribute(tpc.benchmark_queries(name)))
    tell(name, figures)
    assert figures["scanned_but_not_used"] == {}
