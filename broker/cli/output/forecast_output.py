"""`broker check --private`: the text with another spend, and the accuracy of its answer. No server, no data."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from broker.cli.output.console import out, print_lines, print_table
from broker.domain.errors import Invalid

if TYPE_CHECKING:
    from broker.domain.projects.project import ResearchProject
    from broker.policy.policy_set import PolicySet
    from broker.workflow.checking.submission_check import CheckedSubmission

DEFAULT_SPEND = "epsilon 0.5"
"""The spend if neither the text nor an option states one."""


def with_private_spend(text: str, dialect: str, private: bool, spends: Mapping[str, str | None]) -> str:
    """Return the text with the spend of an option, or with the default if it has none. Raises Invalid for wrong
    options."""
    from broker.privacy.request.directives import read_directives, with_spending

    given = [f"{word} {number}" for word, number in spends.items() if number is not None]
    if given and not private:
        raise Invalid("private", "Only a private question has a spend: add --private.", "--private")
    if len(given) > 1:
        raise Invalid("private", "Use one of --epsilon, --rho and --error.", "--private")
    # A text that states its own spend is not changed.
    if not private or (not given and read_directives(text, dialect).is_private):
        return text
    return with_spending(text, dialect, given[0] if given else DEFAULT_SPEND)


def offline_forecast(
    checked: "CheckedSubmission", project: "ResearchProject", policies: "PolicySet"
) -> dict[str, Any] | None:
    """Return the forecast, with the spend as a share of what policy allots to the project. None for other texts."""
    if checked.private is None or not checked.accepted:
        return None
    from broker.policy.privacy_allotments import allotments
    from broker.workflow.private_jobs.private_forecast import forecast_of_text, tightest_budget

    allotted = tightest_budget(allotments(policies), project.ident, checked.private)
    return forecast_of_text(checked.private, policies.service, allotted, "the privacy budget of the project")


def print_forecast(found: Mapping[str, Any]) -> None:
    share = "" if found["share"] is None else f", {100 * found['share']:.3g} % of {found['share_of']}"
    way = "it can be released automatically" if found["is_automatic"] else "a checker reviews it before release"
    out.print(f"private: costs {_spend_text(found['spend'])}{share}; {way}", markup=False)
    print_lines(found["left_out_as_a_rule"], "note: ")
    others = found["other_spends"]
    heads = ["output", "by", "figure", "persons", "mean error", f"{100 * found['interval_level']:g} % interval"]
    heads += [f"at {_spend_text(o['spend'])}" for o in others]
    print_table(heads, list(_forecast_lines(found["expected"], [o["expected"] for o in others])))
    if "blocks" in found:
        _print_blocks(found["blocks"])
        return
    out.print(f"Cells with a noisy count under {found['display_floor']} are not shown.", markup=False)


def _print_blocks(found: Mapping[str, Any]) -> None:
    """Print how long a script takes, and what other numbers of blocks and the other estimator would give."""
    seconds, lasts = found["seconds_of_a_block"], found["lasts_seconds"]
    sentence = f"{found['blocks']:,} blocks of at most {seconds:g} seconds; the job lasts {lasts:,.0f} seconds"
    out.print(
        f"{sentence}, whatever the data are. The answers of the blocks are combined by their {found['estimator']}.",
        markup=False,
    )
    others = [(f"By their {name}", expected) for name, expected in found["other_estimators"].items()]
    others += [(f"With {other['blocks']:,} blocks", other["expected"]) for other in found["other_blocks"]]
    for how, expected in others:
        worth = "; ".join(f"{e['figure']} {_error_text(e)}" for e in expected)
        out.print(f"{how}: {worth}.", markup=False)


def _forecast_lines(expected: list[dict[str, Any]], others: list[list[dict[str, Any]]]) -> Iterator[list[str]]:
    for n, e in enumerate(expected):
        persons = "any" if e["persons_in_the_cell"] is None else f"{e['persons_in_the_cell']:,}"
        half = "" if e["half_interval"] is None else f"+- {e['half_interval']:g}"
        line = [e["output"], ", ".join(e["by"]) or "(all)", e["figure"], persons, _error_text(e), half]
        yield line + [_error_text(o[n]) for o in others]


def _error_text(e: Mapping[str, Any]) -> str:
    if e["error"] is None:
        return f"at most {e['ranks_off']:g} ranks off" if e["ranks_off"] is not None else ""
    return f"{e['error']:g}"


def _spend_text(spend: Mapping[str, float]) -> str:
    main = f"rho {spend['rho']:g}" if "rho" in spend else f"epsilon {spend['epsilon']:g}"
    return main if not spend["delta"] or "rho" in spend else f"{main}, delta {spend['delta']:g}"
