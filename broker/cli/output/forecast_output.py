"""`broker check --private`: the text with another spend, and what its answer would be worth. No server, no data."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from broker.cli.output.console import out, print_table
from broker.domain.errors import Invalid

if TYPE_CHECKING:
    from broker.domain.projects.project import ResearchProject
    from broker.policy.policy_set import PolicySet
    from broker.workflow.checking.submission_check import CheckedSubmission

DEFAULT_SPEND = "epsilon 0.5"
"""What is asked where neither the text nor an option says it."""


def with_private_spend(text: str, dialect: str, private: bool, spends: Mapping[str, str | None]) -> str:
    """The text with the spend of an option, or with the usual one where it has none."""
    from broker.privacy.request.directives import read_directives, with_spending

    given = [f"{word} {number}" for word, number in spends.items() if number is not None]
    if given and not private:
        raise Invalid("private", "A spend is for a private question: say --private.", "--private")
    if len(given) > 1:
        raise Invalid("private", "Say one of --epsilon, --rho and --error.", "--private")
    if not private or (not given and read_directives(text, dialect).is_private):
        return text
    return with_spending(text, dialect, given[0] if given else DEFAULT_SPEND)


def offline_forecast(
    checked: "CheckedSubmission", project: "ResearchProject", policies: "PolicySet"
) -> dict[str, Any] | None:
    """With the spend as a share of what policy allots to the project."""
    if checked.private is None or not checked.accepted:
        return None
    from broker.policy.privacy_allotments import allotments
    from broker.workflow.private_jobs.private_forecast import forecast_of_text, tightest_budget

    allotted = tightest_budget(allotments(policies), project.ident, checked.private)
    return forecast_of_text(checked.private, policies.service, allotted, "what policy allots to the project")


def print_forecast(found: Mapping[str, Any]) -> None:
    share = "" if found["share"] is None else f", {100 * found['share']:.3g} % of {found['share_of']}"
    way = "it may leave without a person" if found["is_automatic"] else "a person looks before it leaves"
    out.print(f"private: costs {_spend_text(found['spend'])}{share}; {way}", markup=False)
    for rule in found["left_out_as_a_rule"]:
        out.print(f"note: {rule}", markup=False)
    level = f"{100 * found['interval_level']:g} % interval"
    others = found["other_spends"]
    heads = [
        "output",
        "by",
        "figure",
        "persons",
        "mean error",
        level,
        *(f"at {_spend_text(o['spend'])}" for o in others),
    ]
    print_table(heads, list(_forecast_lines(found["expected"], [o["expected"] for o in others])))
    if "blocks" in found:
        _print_blocks(found["blocks"])
        return
    out.print(f"Cells whose noisy count is under {found['display_floor']} are not shown.", markup=False)


def _print_blocks(found: Mapping[str, Any]) -> None:
    """Of a script: how long it lasts, and what other numbers of blocks and the other estimator would give."""
    seconds, lasts = found["seconds_of_a_block"], found["lasts_seconds"]
    sentence = f"{found['blocks']:,} blocks of at most {seconds:g} seconds; the job lasts {lasts:,.0f} seconds"
    out.print(f"{sentence}, whatever the data are. Answers become one by their {found['estimator']}.", markup=False)
    for name, expected in found["other_estimators"].items():
        worth = "; ".join(f"{e['figure']} {_error_text(e)}" for e in expected)
        out.print(f"By their {name}: {worth}.", markup=False)
    for other in found["other_blocks"]:
        worth = "; ".join(f"{e['figure']} {_error_text(e)}" for e in other["expected"])
        out.print(f"With {other['blocks']:,} blocks: {worth}.", markup=False)


def _forecast_lines(expected: list[dict[str, Any]], others: list[list[dict[str, Any]]]) -> Iterator[list[str]]:
    for n, e in enumerate(expected):
        persons = "any" if e["persons_in_the_cell"] is None else f"{e['persons_in_the_cell']:,}"
        half = "" if e["half_interval"] is None else f"+- {e['half_interval']:g}"
        line = [e["output"], ", ".join(e["by"]) or "(all)", e["figure"], persons, _error_text(e), half]
        yield line + [_error_text(o[n]) for o in others]


def _error_text(e: Mapping[str, Any]) -> str:
    if e["error"] is None:
        return f"{e['ranks_off']:g} ranks off at most" if e["ranks_off"] is not None else ""
    return f"{e['error']:g}"


def _spend_text(spend: Mapping[str, float]) -> str:
    main = f"rho {spend['rho']:g}" if "rho" in spend else f"epsilon {spend['epsilon']:g}"
    return main if not spend["delta"] or "rho" in spend else f"{main}, delta {spend['delta']:g}"
