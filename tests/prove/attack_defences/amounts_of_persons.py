"""What bounds the amounts that persons' totals, windows and subqueries make, how it is taken out, and the test that
must fail then."""

from functools import partial

from tests.prove.defences import Defence as Listed, edited, put

MADE = "broker.query.contribution_bounding.made_amounts"
TESTS = "tests.attacks.test_amounts_of_persons"
MEAN = "test_a_child_who_missed_many_sessions_is_seen_as_seldom_as_in_the_mean_of_rows"
KNOWN = "test_whether_a_known_child_is_in_a_group_does_not_follow_from_totals"
Defence = partial(Listed, module=TESTS)
UNBOUNDED = put("broker.query.output_planning.with_made_bounds", lambda statistics, *_: statistics)

DEFENCES = (
    *(
        Defence("amounts of several rows have bounds", UNBOUNDED, test=KNOWN, given=(secret,))
        for secret in ("a.SENprovision = 'K'", "a.FSMeligible = 1")
    ),
    *(
        Defence("amounts of several rows have bounds", UNBOUNDED, test=MEAN, given=(name,))
        for name in (
            "totals", "a sum of totals", "totals beside each row", "the first row", "a subquery", "applied rows",
        )
    ),
    Defence(
        "their bounds decide the step",
        edited("broker.evidence.amount_bounds:amount_bounds", "or statistic.made_bounds", "or None"),
        test=MEAN, given=("totals",),
    ),
)  # fmt: skip
