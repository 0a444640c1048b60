"""What keeps texts that could single people out from leaving without a person, one defence at a time."""

# ruff: noqa: E501 - one defence a line reads as a table

from broker.query.reach.estimating import Estimate, share_of
from tests.prove.defences import Defence, edited, put

REACH = "broker.query.reach"
TESTS = "tests.attacks.test_reach"
SINGLES_OUT = "test_a_part_that_singles_out_goes_to_a_person"
CAUGHT = (AssertionError,)
ANYBODY = Estimate(1e9, known=True)


def of(what: str, removed: object, attack: str) -> Defence:
    return Defence(what, removed, SINGLES_OUT, TESTS, (attack, "npd-default"))  # type: ignore[arg-type]


DEFENCES = (
    Defence("a part of the text is a finding that a person looks at", edited("broker.disclosure.judge:_static", "asked.planned.small_parts", "()"), "test_no_output_of_such_a_text_leaves", TESTS),
    Defence("a part is marked where it stands", edited(f"{REACH}.judging:_about", "found += _about(term, taken) if taken else [one.source]", "found.append(one.source)"), "test_the_part_is_marked", TESTS),
    of("without a size nobody is known to be there", put(f"{REACH}.estimating.UNKNOWN", ANYBODY), "A3 a total of constants"),
    of("alternatives are looked at one by one", edited(f"{REACH}.formulas:terms", "return found if len(found) <= MOST_TERMS else None", "return [{}]"), "unions that meet in one"),
    of("branches are looked at", put(f"{REACH}.judging.Judge.branch", lambda *_: iter(())), "A2 a padded branch"),
    of("what is left out of the others is looked at", put(f"{REACH}.judging.Judge._left_out", lambda *_: None), "all but codes that few have"),
    of("what alternatives leave out is looked at", put(f"{REACH}.judging.Judge._alternatives", lambda *_: iter(())), "all but one, of sizes that are known"),
    of("the rest of a CASE is a branch", edited(f"{REACH}.choices:choices", "yield Choice(met, before, whens[0][0])", "pass"), "the rest of a CASE"),
    of("of listed values the rarest counts", put(f"{REACH}.estimating.rarest", share_of), "a code that few have"),
    of("a year is no alternative to other conditions", put(f"{REACH}.judging.mixes_years", lambda _: False), "A8 years as a weight"),
    of("branches of a UNION with other conditions are combined", put(f"{REACH}.parts._asks_differently", lambda *_: False), "A8 years by branches of a UNION"),
    of("what only tells of a variable has no size", put(f"{REACH}.estimating._is_of", lambda *_: True), "by rows of outer sides"),
    of("outer sides are looked at", edited(f"{REACH}.worlds:inner_worlds", "*world.outer, ", "*(), "), "by an outer side"),
    of("subqueries that give a value are looked at", edited(f"{REACH}.worlds:inner_worlds", "sorted(world.values)", "()"), "by a subquery's figure"),
    of("EXISTS asks what its rows meet", edited(f"{REACH}.reading:Reader._answered", "if read:", "if False:"), "A3 by EXISTS"),
    of("a value of several variables is all of them", put(f"{REACH}.reading.Reader._packed", lambda *_: frozenset()), "packed by a person's own aggregate"),
    of("a key that computes with several variables is looked at", put(f"{REACH}.reading.Reader.mixed", lambda *_: False), "arithmetic in a key"),
    of("conditions in a key are branches", edited(f"{REACH}.parts:Reaching._of_world", "*table.keys, ", ""), "a key of conditions"),
    of("what orders a person's rows is looked at", put(f"{REACH}.parts._inside", lambda _: iter(())), "by a person's own rank"),
    of("figures are compared with each other", put(f"{REACH}.judging.Judge.differing", lambda *_: iter(())), "two outputs a part apart"),
)  # fmt: skip
