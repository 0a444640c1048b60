"""Refusals of combination rules, word for word, and rules of other forms than those in force."""

# ruff: noqa: E501 - one case a line reads as a table

from dataclasses import replace

import pytest

from broker.domain.errors import Refusal
from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.domain.projects.project import Grant
from broker.policy.files import load_policies
from broker.policy.policy_set import CombinationRule
from broker.scope.combinations import check_combinations
from tests.policy_sets import TEST_POLICIES

POLICIES = load_policies(TEST_POLICIES)
NOTES = {rule.id: rule.note for rule in POLICIES.combinations}
PROJECT = next(p for p in POLICIES.projects if p.ident == "P0421")


def use(name: str, years: str = "-", place: tuple[int | None, int | None] = (1, 1)) -> VariableUse:
    """A use of schema.table.variable, or of the rows of schema.table; `-` for years that were not proved."""
    schema, table, *variable = name.split(".")
    span = None if years == "-" else frozenset(map(int, years.split()))
    return VariableUse(f"{schema}.{table}", *variable or [None], span, frozenset({Usage.READ}), *place)  # type: ignore[arg-type]


def broken(uses: list[VariableUse], *rules: CombinationRule, grants: tuple[Grant, ...] = ()) -> tuple[Refusal, ...]:
    """Refusals by these rules, or by those in force."""
    policies = replace(POLICIES, combinations=rules or POLICIES.combinations)
    return check_combinations(uses, replace(PROJECT, grants=grants or PROJECT.grants), policies)


# uses with their years                                             | rule | what is said after its note              | the advice
SAID = """
npd.spring_census.Surname 2020                                      | C1   |                                          | Remove npd.spring_census.Surname.
npd.cin 2020, npd.sc_addresses.POSTCODE 2020                        | C2   |                                          | Remove npd.sc_addresses.Postcode or npd.cin; other jobs may use each one alone.
npd.cin 2020, npd.cla 2021, npd.sc_addresses.Postcode 2020          | C2   |                                          | Remove npd.sc_addresses.Postcode or npd.cin and npd.cla; other jobs may use each one alone.
npd.ks4_pupil 2019, ref.schools.urn -                               | C3   | This job may read npd.ks4_pupil in 2019/2020. | Remove ref.schools.URN or npd.ks4_pupil, or exclude 2019/2020 of npd.ks4_pupil; other jobs may use each one alone.
npd.ks4_pupil 2018 2019, ref.schools.URN -                          | C3   | This job may read npd.ks4_pupil in 2019/2020. | Remove ref.schools.URN or npd.ks4_pupil, or exclude 2019/2020 of npd.ks4_pupil; other jobs may use each one alone. \
Add to the WHERE of npd.ks4_pupil: AND KS4_ACADYR <> '2019/2020'
npd.ks4_pupil -, ref.schools.URN -                                  | C3   | This job may read npd.ks4_pupil in 2019/2020-2020/2021. | Remove ref.schools.URN or npd.ks4_pupil, or exclude 2019/2020-2020/2021 of npd.ks4_pupil; other jobs may use each one alone. \
Add to the WHERE of npd.ks4_pupil: AND KS4_ACADYR NOT IN ('2019/2020', '2020/2021')
npd.ks4_pupil 2019, npd.ks5_student 2020, ref.schools.URN -         | C3   | This job may read npd.ks4_pupil in 2019/2020, npd.ks5_student in 2020/2021. | Remove ref.schools.URN or npd.ks4_pupil and npd.ks5_student, or exclude 2019/2020 of npd.ks4_pupil and 2020/2021 of npd.ks5_student; other jobs may use each one alone.
"""


@pytest.mark.parametrize("line", SAID.replace("\\\n", "").strip().splitlines())
def test_a_refusal_has_the_rules_note_its_years_and_every_way_out(line: str) -> None:
    named, rule, after, advice = (cell.strip() for cell in line.split("|"))
    uses = [use(n.split(" ", 1)[0], n.split(" ", 1)[1], (1, i)) for i, n in enumerate(named.split(", "), 1)]
    (refusal,) = broken(uses, *(r for r in POLICIES.combinations if r.id == rule))
    assert refusal.message == f"Rule {rule}: {NOTES[rule]} {after}".rstrip()
    assert refusal.advice == advice


@pytest.mark.parametrize("order", [1, -1])
def test_a_combination_is_placed_at_the_first_use_of_its_second_side(order: int) -> None:
    """In order of lines, then of columns, whatever the order in which the uses were found."""
    places = {(3, 1): "URN", (2, 9): "LAEstab", (2, 4): "URN"}
    schools = [use(f"ref.schools.{name}", "-", place) for place, name in places.items()]
    (refusal,) = broken([use("npd.ks4_pupil", "2019"), *schools[::order]])
    assert (refusal.line, refusal.column) == (2, 4)


@pytest.mark.parametrize(("place", "is_whole"), [((None, None), True), ((1, 9), False)])
def test_a_script_without_an_input_line_gets_advice_to_write_one(place: tuple[int, int], is_whole: bool) -> None:
    """What it never names is its by the grant: leaving it out of the program would change nothing."""
    uses = [use("npd.ks4_pupil", "2019", place), use("npd.absence.URN", "2020", place)]
    (refusal,) = check_combinations(uses, PROJECT, POLICIES, header=True)
    assert refusal.advice.startswith("A script without input lines reads everything that was granted. ") == is_whole
    assert "Remove npd.absence.URN or npd.ks4_pupil" in refusal.advice


def test_rows_of_a_table_can_be_the_second_side() -> None:
    rule = CombinationRule(id="T", note="Not both.", any_of=("variable:FSMeligible",), with_any=("table:npd.cin",))
    (refusal,) = broken([use("npd.absence.FSMeligible", "2020"), use("npd.cin", "2020", (2, 1))], rule)
    assert refusal.advice == "Remove npd.cin or npd.absence; other jobs may use each one alone."
    assert (refusal.line, refusal.variable) == (2, None)


def test_a_class_is_met_by_variables_of_it_and_never_by_rows() -> None:
    rule = CombinationRule(id="T", note="Alone.", any_of=("class:quasi",))
    others = [use(name, "2020") for name in ("npd.absence", "npd.absence.LA", "npd.absence.nothing")]
    assert broken(others, rule) == ()
    assert len(broken([use("npd.absence.LSOA11", "2020")], rule)) == 1


def test_a_side_that_names_no_kind_is_a_mistake_of_the_policy() -> None:
    with pytest.raises(ValueError, match=r"cannot name 'npd\.absence'"):
        broken([use("npd.absence", "2020")], CombinationRule(id="T", note="", any_of=("npd.absence",)))


# what is used         | in the years | a rule on the years | broken?
YEARS = """
npd.ks4_pupil          | 2019         | 2019 2020           | yes
npd.ks4_pupil          | 2018         | 2019 2020           | no
npd.ks4_pupil          |              | 2019 2020           | no
npd.ks4_pupil          | -            | 2019 2020           | yes
npd.ks4_pupil          | -            | 1990 1991           | no
ref.schools            | -            | 2019 2020           | yes
"""


@pytest.mark.parametrize("line", YEARS.strip().splitlines())
def test_unproved_years_are_all_that_the_table_has(line: str) -> None:
    """Rows without a year may be of any."""
    table, years, barred, word = (cell.strip() for cell in line.split("|"))
    rule = CombinationRule(id="T", note="", any_of=(f"table:{table}",), years=frozenset(map(int, barred.split())))
    assert bool(broken([use(table, years)], rule)) == (word == "yes")


def test_a_table_that_does_not_exist_breaks_no_rule() -> None:
    """It is refused already, because it does not exist."""
    sides = ("table:npd.nothing", "variable:URN", "class:quasi")
    rule = CombinationRule(id="T", note="", any_of=sides, years=frozenset({2020}))
    assert broken([use("npd.nothing"), use("npd.nothing.URN")], rule) == ()


def _grant(variable: str, years: str = "", table: str = "npd.absence", default: bool = False) -> Grant:
    return Grant(table, variable, frozenset(map(int, years.split())) or None, "because", default_items=default)


BY_REQUEST = next(r for r in POLICIES.combinations if r.default_items_only)
DEFAULT, OTHER = _grant("LA", "2021 2022", default=True), _grant("EthnicGroupMinor", "2022")
NO_YEARS = _grant("pupil_key", table="fixture.npd_pupil", default=True)
FSM, PUPIL_FSM = "npd.absence.FSMeligible", "fixture.npd_pupil.fsm"
# what was granted | what is used, in which years | the grants | what to ask for, or None where the use is granted
ITEMS = [
    ("another variable was granted by its name", FSM, "2022", (DEFAULT, OTHER), "in 2022/2023"),
    ("its name among the default items", FSM, "2022", (DEFAULT, _grant("FSMeligible", "2022", default=True)), "in 2022/2023"),
    ("by name in any case", "NPD.Absence.fsmELIGIBLE", "2022", (DEFAULT, _grant("FSMELIGIBLE", "2022", "NPD.ABSENCE")), None),
    ("by name twice, each in a year", FSM, "2021 2022", (DEFAULT, *(_grant("FSMeligible", y) for y in ("2021", "2022"))), None),
    ("years not proved", FSM, "-", (DEFAULT, _grant("FSMeligible", "2005 2006 2007 2008")), "in 2009/2010-2023/2024"),
    ("default items of another table", FSM, "2022", (NO_YEARS, OTHER), None),
    ("a table without years", PUPIL_FSM, "-", (NO_YEARS,), ""),
    ("a table without years, by name", PUPIL_FSM, "-", (NO_YEARS, _grant("fsm", "", "fixture.npd_pupil")), None),
    ("in no year", FSM, "", (DEFAULT,), None),
]  # fmt: skip


@pytest.mark.parametrize(("what", "name", "years", "grants", "asked"), ITEMS)
def test_what_is_no_default_item_is_granted_by_its_own_name_only(
    what: str, name: str, years: str, grants: tuple[Grant, ...], asked: str | None
) -> None:
    found = broken([use(name, years)], BY_REQUEST, grants=grants)
    assert len(found) == (asked is not None), what
    for refusal in found:
        wanted = f"{name} {asked}".strip()
        assert refusal.message == f"Rule C6: {NOTES['C6']} {name} is available by request only."
        assert refusal.advice.startswith(f"Remove it, or ask the administrators for {wanted}. ")
        assert refusal.variable == name


def test_only_one_kind_of_rule_requests_names() -> None:
    assert broken([use("npd.absence.FSMeligible", "2022")], CombinationRule(id="T", note=""), grants=(DEFAULT,)) == ()


def test_a_replaced_name_is_reported_once_a_table_at_its_first_place() -> None:
    rule = CombinationRule(id="T", note="Other names.", replace={"urn": "URN_anon"})
    places = {"npd.absence.URN": (2, 1), "npd.absence.urn": (1, 7), "ref.schools.URN": (3, 1), "npd.absence.LA": (1, 1)}
    found = broken([use(name, "2020", place) for name, place in places.items()], rule)
    assert [(r.line, r.column, r.variable) for r in found] == [(1, 7, "npd.absence.URN"), (3, 1, "ref.schools.URN")]
    for refusal, name in zip(found, ("npd.absence.urn", "ref.schools.URN"), strict=True):
        assert refusal.message == f"Rule T: Other names. {name} is not available under this gateway."
        assert refusal.advice == "Use URN_anon."
