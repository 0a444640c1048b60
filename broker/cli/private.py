"""`broker check --private`: the text with another spend, and what its answer would be worth. No server, no data."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from broker.cli.show import out, print_table
from broker.domain.errors import Invalid

if TYPE_CHECKING:
    from broker.domain.projects import Project
    from broker.policy.models import Policies
    from broker.workflow.check import Checked

USUAL = "epsilon 0.5"
"""What is asked where neither the text nor an option says it."""


def asked_privately(text: str, dialect: str, private: bool, spends: Mapping[str, str | None]) -> str:
    """The text with the spend of an option, or with the usual one where it has none."""
    from broker.privacy.asking.lines import private_lines, with_spending

    given = [f"{word} {number}" for word, number in spends.items() if number is not None]
    if given and not private:
        raise Invalid("private", "A spend is for a private question: say --private.", "--private")
    if len(given) > 1:
        raise Invalid("private", "Say one of --epsilon, --rho and --error.", "--private")
    if not private or (not given and private_lines(text, dialect).is_private):
        return text
    return with_spending(text, dialect, given[0] if given else USUAL)


def offline_forecast(checked: "Checked", project: "Project", policies: "Policies") -> dict[str, Any] | None:
    """With the spend as a share of what policy allots to the project."""
    if checked.private is None or not checked.accepted:
        return None
    from broker.policy.allotments import allotments
    from broker.workflow.private.forecasting import smallest
    from broker.workflow.private.worth import worth_of

    allotted = smallest(allotments(policies), project.ident, checked.private)
    return worth_of(checked.private, policies.service, allotted, "what policy allots to the project")


def print_forecast(found: Mapping[str, Any]) -> None:
    share = "" if found["share"] is None else f", {100 * found['share']:.3g} % of {found['share_of']}"
    way = "it may leave without a person" if found["is_automatic"] else "a person looks before it leaves"
    out.print(f"private: costs {_spend(found['spend'])}{share}; {way}", markup=False)
    for rule in found["left_out_as_a_rule"]:
        out.print(f"note: {rule}", markup=False)
    level = f"{100 * found['interval_level']:g} % interval"
    others = found["other_spends"]
    heads = ["output", "by", "figure", "persons", "mean error", level, *(f"at {_spend(o['spend'])}" for o in others)]
    print_table(heads, list(_lines(found["expected"], [o["expected"] for o in others])))
    if "blocks" in found:
        _print_blocks(found["blocks"])
        return
    out.print(f"Cells whose noisy count is under {found['display_floor']} are not shown.", markup=False)


def _print_blocks(found: Mapping[str, Any]) -> None:
    """Of a script: how long it lasts, and what other numbers of blocks and the other estimator would give."""
    seconds, lasts = found["seconds_of_a_block"], found["lasts_seconds"]
    told = f"{found['blocks']:,} blocks of at most {seconds:g} seconds; the job lasts {lasts:,.0f} seconds"
    out.print(f"{told}, whatever the data are. Answers become one by their {found['estimator']}.", markup=False)
    for name, expected in found["other_estimators"].items():
        worth = "; ".join(f"{e['figure']} {_error(e)}" for e in expected)
        out.print(f"By their {name}: {worth}.", markup=False)
    for other in found["other_blocks"]:
        worth = "; ".join(f"{e['figure']} {_error(e)}" for e in other["expected"])
        out.print(f"With {other['blocks']:,} blocks: {worth}.", markup=False)


def _lines(expected: list[dict[str, Any]], others: list[list[dict[str, Any]]]) -> Iterator[list[str]]:
    for n, e in enumerate(expected):
        persons = "any" if e["persons_in_the_cell"] is None else f"{e['persons_in_the_cell']:,}"
        half = "" if e["half_interval"] is None else f"+- {e['half_interval']:g}"
        told = [e["output"], ", ".join(e["by"]) or "(all)", e["figure"], persons, _error(e), half]
        yield told + [_error(o[n]) for o in others]


def _error(e: Mapping[str, Any]) -> str:
    if e["error"] is None:
        return f"{e['ranks_off']:g} ranks off at most" if e["ranks_off"] is not None else ""
    return f"{e['error']:g}"


def _spend(spend: Mapping[str, float]) -> str:
    main = f"rho {spend['rho']:g}" if "rho" in spend else f"epsilon {spend['epsilon']:g}"
    return main if not spend["delta"] or "rho" in spend else f"{main}, delta {spend['delta']:g}"
