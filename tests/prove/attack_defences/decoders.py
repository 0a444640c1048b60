"""What the search for decoders must see: rules of counts taken out, and rounding."""

from tests.prove.defences import Defence, edited, put, together
from tests.prove.disclosure_defences import without

TESTS = "tests.attacks.test_decoder_search"
COUNTS = "test_ordinary_counts_do_not_depend_on_one_child"
HISTORY = "broker.workflow.release_history.comparison_rounds"
VALUES = "broker.disclosure.rounded_counts"
ROUNDED = "return None if value is None else nearest_multiple(int(as_number(value)), base)"
NOBODY_UNSEEN = put("broker.disclosure.linking.linked_pattern.unobserved_joint_cells", lambda *_: iter(()))
"""Rows of fewer than t persons are targets by themselves, whoever is there: they stay hidden without the rule."""

DEFENCES = (
    Defence(
        "counts are rounded",
        together(
            edited(f"{VALUES}:round_count", ROUNDED, "return int(as_number(value))"),
            put(f"{VALUES}.rows_step", lambda *_: 1),
        ),
        COUNTS, TESTS,
    ),
    Defence(
        "the history takes a total as known only where something shows it",
        edited(f"{HISTORY}:JobComparison._repair", "total_known=False", "total_known=True"),
        "test_a_total_that_nothing_shows_is_not_taken_as_known", TESTS,
    ),
    Defence("few people are hidden", together(without("F1"), NOBODY_UNSEEN), COUNTS, TESTS),
)  # fmt: skip
