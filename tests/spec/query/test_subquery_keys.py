"""A group key made from a subquery's answer counts as a key on the columns of the subquery. A filter cannot hide a
group by a quasi-identifier or an area."""

import pytest
from query_kit import compiled, drawn

from broker.domain.plans.variable_uses import Usage

# the key | is Days grouped by
KEYS = drawn(r"""
CASE WHEN EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key AND b.Days = 3) THEN 1 ELSE 0 END         | yes
CASE WHEN a.Key IN (SELECT b.Key FROM b WHERE b.Days = 3) THEN 1 ELSE 0 END                     | yes
(SELECT COUNT(*) FROM b WHERE b.Key = a.Key AND b.Days = 3)                                     | yes
(SELECT MAX(b.Days) FROM b WHERE b.Key = a.Key)                                                 | yes
CASE WHEN EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key) THEN 1 ELSE 0 END                        | no
""")


@pytest.mark.parametrize(("key", "grouped"), KEYS)
def test_a_key_groups_by_the_columns_of_its_subquery(key: str, grouped: str) -> None:
    found = compiled(f"SELECT t.k, COUNT(*) AS n FROM (SELECT {key} AS k FROM a) AS t GROUP BY t.k")
    assert not found.refusals
    uses = {u.variable: u.how for u in found.uses if u.table == "npd.b"}
    assert (Usage.GROUPED in uses.get("Days", ())) == (grouped == "yes")
    assert Usage.GROUPED not in uses["Key"]
    assert Usage.GROUPED not in uses.get("Y", ())


def test_a_question_that_only_filters_is_not_grouped_by() -> None:
    text = (
        "SELECT LA, COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key AND b.Days = 3) GROUP BY LA"
    )
    uses = {u.variable: u.how for u in compiled(text).uses if u.table == "npd.b"}
    assert uses["Days"] == {Usage.FILTERED}
