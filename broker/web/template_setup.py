"""Prepares all templates: GOV.UK's macros, words for states, times and years, and the built files."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from flask import Flask, g, request, url_for
from jinja2 import ChoiceLoader, PackageLoader, PrefixLoader

from broker.domain.identity.people import Person, Role
from broker.domain.sql_dialects import DIALECT_TITLES
from broker.web.security.request_checks import style_nonce
from broker.web.web_context import web_context


def format_school_years(years: Iterable[int] | None) -> str:
    """Return school years by their labels: 2015/16 to 2018/19, 2020/21."""
    return "no years" if years is None else _format_runs(years, lambda year: f"{year}/{(year + 1) % 100:02}")


def format_calendar_years(years: Iterable[int] | None) -> str:
    """Return school years by their first calendar years, as programs read them too: 2015 to 2018, 2020."""
    return "no year" if years is None else _format_runs(years, str)


def _format_runs(years: Iterable[int], label: Callable[[int], str]) -> str:
    runs: list[tuple[int, int]] = []
    for year in sorted(years):
        if runs and runs[-1][1] == year - 1:
            runs[-1] = (runs[-1][0], year)
        else:
            runs.append((year, year))
    return ", ".join(label(a) if a == b else f"{label(a)} to {label(b)}" for a, b in runs)


BUILT = Path(__file__).with_name("static") / "built"

CACHE_SECONDS = 30 * 24 * 3600
"""How long browsers cache built files. The addresses change with the files."""

TAG_COLOURS = {
    "released": "green", "live": "green", "approved": "green", "decided": "green", "holds": "green", "saved": "green",
    "stored": "green",
    "refused": "red", "failed": "red", "rejected": "red", "recalled": "red", "limit": "red", "not released": "red",
    "recalled in part": "red",
    "queued": "blue", "running": "blue", "waiting for a decision": "yellow",
    "in review": "yellow", "returned": "yellow", "withdrawn": "grey", "withheld": "grey",
    "retired": "grey", "stopped": "red", "ended": "grey", "active": "green", "inactive": "grey",
    "in use": "green", "silent": "red", "answers": "green", "does not answer": "red",
    "exact": "green", "to be run": "blue", "numbers only": "yellow", "waiting for a second administrator": "yellow",
    "expired": "grey", "closed": "grey", "done": "green", "cancelled": "grey",
}  # fmt: skip
"""Colour of a state's tag. The colour never says more than the word."""


STATE_WORDS = {"assessing": "waiting for a decision", "kept": "saved"}
"""States that people read in other words than the stored ones."""


@dataclass(frozen=True, slots=True)
class NavigationLink:
    """A link of the navigation. `role`: who sees it, None for everybody who is signed in. `others`: endpoints of pages
    that belong to it."""

    text: str
    endpoint: str
    role: Role | None = None
    others: frozenset[str] = frozenset()
    public: bool = False


CHECKER_ENDPOINTS = frozenset(
    {"checking.output", "checking.attack", "inbox.submission", "inbox.failure", "voting.recall_form", "lookups.lookup"}
)

ADMINISTRATION_ENDPOINTS = frozenset(
    {
        "administer.system_health", "people.everybody", "people.one", "projects.all_projects", "projects.project",
        "projects.plan", "policies.policies", "policies.policy", "policies.profiles", "policies.tables",
        "data.all_snapshots", "data.ledger", "data.verify_ledger", "caps.caps", "erasures.erasures",
        "published.all_tables", "published.table", "stops.stops", "audit.search", "audit.verify",
    }
)  # fmt: skip

REHEARSAL_ENDPOINTS = frozenset({"writing.submit_job", "rehearsing.mine", "rehearsing.rehearsal"})

NAVIGATION_LINKS = (
    NavigationLink(
        "Jobs", "research.home", others=frozenset({"research.job", "research.project", "collecting.released"})
    ),
    NavigationLink("Write a job", "writing.submit_form", Role.RESEARCHER, REHEARSAL_ENDPOINTS),
    NavigationLink(
        "Find variables", "finding.catalogue", Role.RESEARCHER, frozenset({"finding.table", "finding.variable"})
    ),
    NavigationLink("Inbox", "inbox.inbox", Role.CHECKER, CHECKER_ENDPOINTS),
    NavigationLink("Administration", "administer.overview", Role.ADMINISTRATOR, ADMINISTRATION_ENDPOINTS),
    NavigationLink("Notices", "notices.notices"),
    NavigationLink(
        "Public register", "public.register_page", others=frozenset({"public.project", "public.releases"}), public=True
    ),
)


def install(app: Flask) -> None:
    app.jinja_loader = ChoiceLoader(
        [PackageLoader("broker.web"), PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")})]
    )
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = CACHE_SECONDS
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.jinja_env.filters |= {"moment": moment, "day": day, "words": words, "number": number}
    app.jinja_env.filters |= {"spans": format_calendar_years, "runs": format_school_years, "marked": mark_invalid}
    app.jinja_env.globals |= {"built": built, "style_nonce": style_nonce, "tag_colour": tag_colour}
    app.jinja_env.globals |= {"navigation": navigation, "is_demo": is_demo, "dialect_titles": DIALECT_TITLES}


def is_demo() -> bool:
    """Whether demo accounts exist. They exist only if all data are synthetic."""
    return web_context().settings.demo_sign_in


def built(name: str) -> str:
    """Return the address of a built file. It changes with the file, so browsers may cache it."""
    file = BUILT / name
    version = f"{file.stat().st_mtime_ns:x}" if file.is_file() else "0"
    return url_for("static", filename=f"built/{name}", v=version)


def tag_colour(state: str) -> str:
    return TAG_COLOURS.get(words(state), "grey")


def words(code: str) -> str:
    """Return a code in the words that people read."""
    return STATE_WORDS.get(code, code).replace("_", " ")


def mark_invalid(attributes: dict[str, str], wrong: object) -> dict[str, str]:
    """Return the attributes of an input, marked for screen readers as invalid if `wrong`."""
    return attributes | {"aria-invalid": "true"} if wrong else attributes


def moment(at: datetime) -> str:
    return at.strftime("%-d %B %Y, %H:%M")


def day(at: date) -> str:
    return at.strftime("%-d %B %Y")


def number(value: float) -> str:
    """Return the number with commas between thousands."""
    return f"{value:,}"


def navigation() -> list[dict[str, object]]:
    """Return the links that the person may use, in the order of their day. The current page's link is marked."""
    return [_link_fields(link) for link in NAVIGATION_LINKS if _is_visible(g.get("person"), link)]


def _is_visible(person: Person | None, link: NavigationLink) -> bool:
    return link.public or (person is not None and (link.role is None or link.role in person.roles))


def _link_fields(link: NavigationLink) -> dict[str, object]:
    here = request.endpoint or ""
    active = here == link.endpoint or here in link.others
    return {"text": link.text, "href": url_for(link.endpoint), "active": active}
