"""Every code that the source can give stands in the table of codes, and every example is refused with its code."""

from pathlib import Path

import pytest

from broker.policy.files import load_policies
from docs.generator.refusal_codes import CODES, SECTIONS, RefusalCode
from docs.generator.refusal_codes.example_refusals import refusals_of
from docs.generator.refusal_codes.refusals_page import refusals_page
from tests.policy_sets import EXAMPLE_POLICIES
from tests.spec.refusals.code_scan import codes_of_source, refusals_elsewhere, unread_codes

ROOT = Path(__file__).parents[3]


def test_the_table_has_every_code_that_the_source_gives_and_no_other() -> None:
    given = codes_of_source()
    missing = "\n".join(
        f'add to a table in docs/generator/refusal_codes:  Code("{code}", "<title>", "<what it means>", '
        f'"<a text that is refused with it>"),   # {given[code]}'
        for code in sorted(given.keys() - CODES.keys())
    )
    gone = "\n".join(
        f'take out of docs/generator/refusal_codes, because nothing gives it any more:  Code("{code}", …)'
        for code in sorted(CODES.keys() - given.keys())
    )
    assert missing + gone == "", f"\n{missing}\n{gone}\nThen run: make docs"


def test_every_code_is_written_where_the_scan_can_read_it() -> None:
    assert unread_codes() == [], "give the code as a literal, or through a variable called `code`"


def test_refusals_are_made_where_the_scan_reads() -> None:
    assert refusals_elsewhere() == [], "add the room to ROOMS in code_scan.py"


def test_the_table_has_each_code_once_and_in_order() -> None:
    for title, codes in SECTIONS.items():
        names = [c.code for c in codes]
        assert names == sorted(names), title
    assert len(CODES) == sum(len(codes) for codes in SECTIONS.values())


@pytest.mark.parametrize("code", [c for c in CODES.values() if c.example is not None], ids=lambda c: c.code)
def test_an_example_is_refused_with_its_code(code: RefusalCode) -> None:
    refusals = refusals_of(code)
    assert code.code in {r.code for r in refusals}, (
        f"the example of {code.code} gives {[r.code for r in refusals]}: if the construct is understood now, take the "
        "code out of docs/generator/refusal_codes (and of the source), or write another example; then run: make docs"
    )
    assert all(r.message and r.advice for r in refusals)


def test_a_code_states_an_advice_only_without_an_example() -> None:
    assert [c.code for c in CODES.values() if bool(c.advice) == (c.example is not None)] == []


def test_all_examples_but_one_are_of_projects_that_the_page_says_are_in_the_examples() -> None:
    known = {p.ident for p in load_policies(EXAMPLE_POLICIES).projects}
    assert {c.project for c in CODES.values()} - known == {"P0815"}


def test_the_page_is_the_table() -> None:
    assert (ROOT / "docs" / "reference" / "refusals.md").read_text() == refusals_page(), "run: make docs"
