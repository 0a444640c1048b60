"""Votes: n equal ones decide, disagreement opens a third, an override needs two."""

from datetime import UTC, datetime

import pytest

from broker.domain.jobs.reviews import Vote, VoteChoice, agreed_choice, votes_needed

A, J, R = VoteChoice.APPROVE, VoteChoice.REJECT, VoteChoice.RETURN


def votes(*choices: VoteChoice) -> tuple[Vote, ...]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return tuple(Vote("o", f"c{n}", c, "meets-rules", "s", "f", "0", at) for n, c in enumerate(choices))


@pytest.mark.parametrize(("cast", "needed", "decided"), [
    ((), 1, None), ((A,), 1, A), ((J,), 1, J), ((A,), 2, None), ((A, A), 2, A), ((A, J), 2, None), ((A, J, J), 2, J),
    ((A, J, R), 2, None), ((A, J, R, R), 2, R),
])  # fmt: skip
def test_equal_votes_decide(cast, needed, decided):
    assert agreed_choice(votes(*cast), needed) == decided


@pytest.mark.parametrize(("policy", "overriding", "needed"), [
    (0, False, 1), (1, False, 1), (2, False, 2), (0, True, 2), (1, True, 2), (3, True, 3),
])  # fmt: skip
def test_an_override_needs_two(policy, overriding, needed):
    assert votes_needed(policy, overriding) == needed
