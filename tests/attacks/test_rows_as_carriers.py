"""Attacks by rows that a script submits for a table: labels, names, order and numbers that disclose one pupil."""

import pyarrow as pa
import pytest

from broker.domain.jobs.script_requests import MicrodataProblem
from tests.attacks.script_town import rows, tabulated

pytestmark = pytest.mark.long


def labelled(of: list[str]) -> pa.Table:
    """The honest rows with a label each, in turn."""
    labels = [of[n % len(of)] for n in range(rows().num_rows)]
    return rows().append_column("label", pa.array(labels))


@pytest.mark.parametrize(
    "label",
    ["primary\ufe0f", "primary ", " primary", "pri  mary", "рrimary", "primary\u200b", "primary\xad", "0.123456",
     "=HYPERLINK(A1)", "@SUM(A1)", "a" * 32, "of 0123456789ABCDEF0123456789abcdef"],
)  # fmt: skip
def test_similar_labels_and_labels_with_hidden_content_are_refused(label: str) -> None:
    """Half of the pupils have one spelling and half another: which half is a bit of somebody's."""
    checked, assessment = tabulated(labelled(["primary", label]), by=["label"])
    assert (checked.problem, assessment) == (MicrodataProblem.VALUES, None)


def test_labels_of_people_are_taken() -> None:
    honest = ["5–9", "≥ 10 £", "Ynys Môn", "Y6: 0.1234", "(0.5, 1.25]", "301"]
    checked, assessment = tabulated(labelled(honest), by=["label"])
    assert checked.problem is None
    assert {r.keys[0] for r in assessment.rows} == set(honest)


def test_the_label_of_fewer_than_the_threshold_is_not_shown() -> None:
    """A row of its own with a child's mark for a name: nothing of it is there, not even that something is hidden."""
    given = labelled(["all"])
    labels = ["attainment 57", *given["label"].to_pylist()[1:]]
    given = given.set_column(given.column_names.index("label"), "label", pa.array(labels))
    _, assessment = tabulated(given, by=["label"])
    assert not [r.keys for r in assessment.rows if "57" in r.keys[0]]


def derived() -> pa.Table:
    """A number that a script made, from 0 to 100."""
    missed = [min(100.0, float(m)) for m in rows()["missed"].to_pylist()]
    return rows().append_column("rate", pa.array(missed))


RATE = {"by": ["fsm"], "measures": {"rate": {"mean": "rate"}}}


def test_bounds_that_hold_leave_digits_and_none_leave_none() -> None:
    """A column that could be anything tells no digit; one that cannot is as one of the catalogue."""
    for bounds, any_digit in (({}, False), ({"bounds": {"rate": [0, 100]}}, True)):
        checked, assessment = tabulated(derived(), **RATE, **bounds)
        assert checked.problem is None
        shown = [r.released[1] for r in assessment.rows if not r.suppressed[1]]
        assert any(shown) is any_digit


@pytest.mark.parametrize("ends", [[0, 5], [90, 100]])
def test_rows_outside_their_bounds_are_refused(ends: list[float]) -> None:
    """Narrow bounds buy digits: they are held to."""
    checked, assessment = tabulated(derived(), **RATE, bounds={"rate": ends})
    assert (checked.problem, assessment) == (MicrodataProblem.VALUES, None)
