"""Defences of the cap on exact figures (A6, A7): each taken out, the test beside it must fail."""

from tests.attacks.test_reconstruction import pads_of_two_tables, plain
from tests.prove.defences import Defence, edited, put

MODULE = "tests.attacks.test_reconstruction"
ROOM = "broker.disclosure.differencing"
PADDED = "test_a6_whatever_a_school_is_padded_with_few_of_its_counts_leave"

DEFENCES = (
    Defence(
        "figures beyond the cap do not leave",
        put(f"{MODULE}.figures_beyond_cap", lambda *_: frozenset()),
        PADDED,
        MODULE,
        (plain,),
    ),
    Defence(
        "what remembered tables have is taken away together",
        edited(f"{ROOM}.exposure:Exposure.__init__", "for load in known if self._families else ():", "for load in ():"),
        PADDED,
        MODULE,
        (pads_of_two_tables,),
    ),
    Defence(
        "a figure counts by the part that a group has in it",
        edited(
            f"{ROOM}.exposure:_FigureFamily.of", "inside / np.maximum(self._left[column] - inside, ERROR)", "inside"
        ),
        "test_a7_national_tables_leave_whole_on_an_empty_history_and_on_a_used_one",
        MODULE,
        (0,),
    ),
)
CAUGHT = (AssertionError,)
