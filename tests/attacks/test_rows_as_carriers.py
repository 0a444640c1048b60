"""Attacks with rows that a script hands over for a table: labels, names, order and numbers that tell of one pupil."""

import pyarrow as pa
import pytest

from broker.domain.handed import RowsProblem
from tests.attacks.script_town import rows, tabulated


def labelled(of: list[str]) -> pa.Table:
    """The honest rows with a label each, in turn."""
    labels = [of[n % len(of)] for n in range(rows().num_rows)]
    return rows().append_column("label", pa.array(labels))


@pytest.mark.parametrize(
    "label",
    ["primary\ufe0f", "primary ", " primary", "pri  mary", "рrimary", "primary\u200b", "primary\xad", "0.123456",
     "=HYPERLINK(A1)", "@SUM(A1)", "a" * 32, "of 0123456789ABCDEF0123456789abcdef"],
)  # fmt: skip
def test_labels_that_look_alike_or_carry_more_than_they_show_are_refused(label: str) -> None:
    """Half of the pupils have one spelling and half another: which half is a bit of somebody's."""
    checked, assessment = tabulated(labelled(["primary", label]), by=["label"])
    assert (checked.problem, assessment) == (RowsProblem.VALUES, None)


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
