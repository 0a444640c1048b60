"""Refusals of the scope check as drawn tables: the variables, the years, and the grants."""

# ruff: noqa: E501 - one case a line reads as a table

from dataclasses import replace
from datetime import date

import pytest

from broker.domain.errors import Refusal
from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import Usage, VariableClass, VariableUse
from broker.domain.projects.project import Grant, ResearchProject
from broker.policy.data_catalogue import Variable
from broker.policy.policy_set import PolicySet
from broker.scope.grants import check_scope
from tests.spec.submission_kit import POLICIES, TODAY, project


def uses_of(table: str, names: str, years: str) -> list[VariableUse]:
    """One use for each name, each at a place of its own; `-` for years that were not proved."""
    span = None if years == "-" else frozenset(map(int, years.split()))
    return [VariableUse(table, n, span, frozenset({Usage.READ}), 1, i) for i, n in enumerate(names.split(), 1)]


def refusals(
    uses: list[VariableUse], of: ResearchProject | None = None, policies: PolicySet = POLICIES
) -> tuple[Refusal, ...]:
    return check_scope(uses, of or project(), policies, TODAY)


# variables of npd.ks2_pupil                                                | in the years             | what the refusal says of them
BEYOND = """
KS2_ENDKS                                                                   | 2021                     | The job could read KS2_ENDKS of npd.ks2_pupil in 2021/2022,
KS2_NATRES KS2_ENDKS                                                        | 2021                     | The job could read KS2_ENDKS, KS2_NATRES of npd.ks2_pupil in 2021/2022,
KS2_ENDKS                                                                   | 2018 2021 2022           | The job could read KS2_ENDKS of npd.ks2_pupil in 2021/2022, 2022/2023,
KS2_ENDKS                                                                   | 2011 2012 2013 2014      | The job could read KS2_ENDKS of npd.ks2_pupil in 2011/2012, 2012/2013, 2013/2014, 2014/2015,
KS2_ENDKS                                                                   | 2010 2011 2012 2013 2014 | The job could read KS2_ENDKS of npd.ks2_pupil in 2010/2011 … 2014/2015,
KS2_ENDKS                                                                   | -                        | The job could read KS2_ENDKS of npd.ks2_pupil in 1995/1996 … 2023/2024,
KS2_ENDKS KS2_FSM6 KS2_GENDER KS2_NATRES KS2_SENF                           | 2021                     | The job could read KS2_ENDKS, KS2_FSM6, KS2_GENDER, KS2_NATRES, KS2_SENF of npd.ks2_pupil
KS2_ENDKS KS2_FSM6 KS2_GENDER KS2_NATRES KS2_SENF KS2_URN                   | 2021                     | The job could read KS2_ENDKS, KS2_FSM6, KS2_GENDER, KS2_NATRES, KS2_SENF and 1 more of npd.ks2_pupil
KS2_ENDKS KS2_FSM6 KS2_GENDER KS2_MATEXP KS2_NATRES KS2_SENF KS2_URN        | 2021                     | The job could read KS2_ENDKS, KS2_FSM6, KS2_GENDER, KS2_MATEXP, KS2_NATRES and 2 more of npd.ks2_pupil
"""


@pytest.mark.parametrize("line", BEYOND.strip().splitlines())
def test_variables_and_years_beyond_the_grant_are_named_and_long_lists_cut(line: str) -> None:
    names, years, says = (cell.strip() for cell in line.split(" | "))
    (refusal,) = refusals(uses_of("npd.ks2_pupil", names, years))
    assert refusal.message.startswith(says)


def test_rows_alone_are_named_as_rows() -> None:
    (refusal,) = refusals([VariableUse("npd.ks2_pupil", None, frozenset({2021}), frozenset({Usage.READ}), 1, 1)])
    assert refusal.message.startswith("The job could read the rows of npd.ks2_pupil in 2021/2022")
    assert refusal.variable is None


def test_each_variable_is_listed_with_the_years_of_its_grant() -> None:
    """Two variables of one table with different grants are two refusals; those with the same are one."""
    years = {"KS2_ENDKS": {2015, 2016}, "KS2_NATRES": {2017}, "KS2_SENF": {2015, 2016}}
    some = tuple(Grant("npd.ks2_pupil", name, frozenset(held), "because") for name, held in years.items())
    found = refusals(uses_of("npd.ks2_pupil", " ".join(years), "2017 2018"), replace(project(), grants=some))
    told = [(r.message.partition(" of ")[0], r.advice.partition(".")[0]) for r in found]
    assert told == [
        ("The job could read KS2_ENDKS, KS2_SENF", "Your project can use 2015/2016-2016/2017"),
        ("The job could read KS2_NATRES", "Your project can use 2017/2018"),
    ]


@pytest.mark.parametrize(("of_age", "years"), [
    (None, "2018/2019"), ("2019", "2018/2019-2019/2020"), ("-", "2005/2006-2023/2024"),
])  # fmt: skip
def test_advice_for_a_table_without_grant_has_all_years_of_its_uses(of_age: str | None, years: str) -> None:
    """Those of all variables together, and all that there are where one of them has no proved years."""
    ages = [] if of_age is None else uses_of("npd.cla", "cla_AGE_AUG", of_age)
    (refusal,) = refusals(uses_of("npd.cla", "cla_SEX", "2018") + ages)
    assert f"for npd.cla in {years}." in refusal.advice


@pytest.mark.parametrize(("schema", "hint"), [("npd", True), ("", False)])
def test_a_refusal_of_an_unknown_table_names_the_default_schema(schema: str, hint: bool) -> None:
    use = VariableUse("nothing", None, None, frozenset({Usage.READ}))
    (refusal,) = refusals([use], replace(project(), default_schema=schema))
    assert refusal.advice.startswith("Write schema.table as in the catalogue")
    assert ("A name without a schema" in refusal.advice) == hint
    assert ("A name without a schema means a table in npd." in refusal.advice) == hint


def test_an_identifier_is_refused_with_the_key_to_use_instead_where_there_is_one() -> None:
    (refusal,) = refusals(uses_of("npd.spring_census", "UPN", "2022"))
    assert refusal.advice == "Remove it. Link and count persons by PupilMatchingRefAnonymous."
    head = Variable(name="HeadLastName", type=ScalarType.TEXT, cls=VariableClass.INSTANT_IDENTIFIER)
    tables = (
        replace(t, variables=(*t.variables, head)) if t.full_name == "ref.schools" else t
        for t in POLICIES.catalogue.tables
    )
    policies = replace(POLICIES, catalogue=replace(POLICIES.catalogue, tables=tuple(tables)))
    (refusal,) = refusals(uses_of("ref.schools", "HeadLastName", "-"), policies=policies)
    assert refusal.advice == "Remove it."


def test_reasons_stand_in_order_of_place_and_first_what_has_none() -> None:
    """A project's end has no place in a text; two reasons of one line stand in the order of their columns."""
    names = {"nowhere": (1, 1), "noplace": (None, None), "later": (2, 1), "right": (1, 9), "mid": (1, 5)}
    uses = [VariableUse(f"npd.{name}", None, None, frozenset({Usage.READ}), *place) for name, place in names.items()]
    found = refusals(uses, replace(project(), expires=date(2020, 1, 1)))
    assert [r.code for r in found] == ["project-expired", *["unknown-table"] * 5]
    assert [(r.line, r.column) for r in found[1:]] == [(None, None), (1, 1), (1, 5), (1, 9), (2, 1)]


@pytest.mark.parametrize("places", [[(3, 1), (2, 9), (2, 4)], [(2, 4), (2, 9), (3, 1)]])
def test_a_refusal_of_several_uses_is_placed_at_the_first_use(places: list[tuple[int, int]]) -> None:
    """In order of lines, then of columns."""
    uses = uses_of("npd.ks2_pupil", "KS2_ENDKS KS2_FSM6 KS2_URN", "2021")
    (refusal,) = refusals(
        [replace(u, line=line, column=column) for u, (line, column) in zip(uses, places, strict=True)]
    )
    assert (refusal.line, refusal.column) == (2, 4)
