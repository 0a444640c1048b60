"""What every page's template finds: GOV.UK's macros, words for states and moments, the built files. Reads no store."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from flask import Flask, g, request, url_for
from jinja2 import ChoiceLoader, PackageLoader, PrefixLoader

from broker.domain.people import Person, Role
from broker.web.security import style_nonce
from broker.web.setup import door
from broker.web.years_shown import years_text, years_told

BUILT = Path(__file__).with_name("static") / "built"

KEPT_SECONDS = 30 * 24 * 3600
"""How long browsers keep built files: their addresses change with them."""

TAGS = {
    "released": "green", "live": "green", "approved": "green", "decided": "green", "holds": "green", "kept": "green",
    "refused": "red", "failed": "red", "rejected": "red", "recalled": "red", "limit": "red", "not released": "red",
    "recalled in part": "red",
    "queued": "blue", "running": "blue", "waiting for a decision": "yellow",
    "in review": "yellow", "returned": "yellow", "withdrawn": "grey", "withheld": "grey",
    "retired": "grey", "stopped": "red", "ended": "grey", "active": "green", "inactive": "grey",
    "in use": "green", "silent": "red", "answers": "green", "does not answer": "red",
    "exact": "green", "to be run": "blue", "numbers only": "yellow", "waits for a second administrator": "yellow",
    "expired": "grey", "closed": "grey", "done": "green", "cancelled": "grey",
}  # fmt: skip
"""The colour of a state's tag; colour never says what the word does not."""


SPOKEN = {"assessing": "waiting for a decision"}
"""Staff read of a job's state in the words that its researcher reads."""


@dataclass(frozen=True, slots=True)
class Place:
    """A link of the navigation. `role`: who finds it, None for everybody who is signed in; `others`: endpoints whose
    pages belong to it."""

    text: str
    endpoint: str
    role: Role | None = None
    others: frozenset[str] = frozenset()
    public: bool = False


CHECKING = frozenset(
    {"checking.output", "checking.attack", "inbox.submission", "inbox.failure", "voting.recall_form", "lookups.lookup"}
)

ADMINISTERING = frozenset(
    {
        "administer.system_health", "people.everybody", "people.one", "projects.all_projects", "projects.project",
        "projects.plan", "policies.policies", "policies.policy", "policies.profiles", "policies.tables",
        "data.all_snapshots", "data.ledger", "data.verify_ledger", "caps.caps", "erasures.erasures",
        "published.all_tables", "published.table", "stops.stops", "audit.search", "audit.verify",
    }
)  # fmt: skip

REHEARSING = frozenset({"writing.submit_job", "rehearsing.mine", "rehearsing.rehearsal"})

PLACES = (
    Place("Jobs", "research.home", others=frozenset({"research.job", "research.project", "collecting.released"})),
    Place("Write a job", "writing.submit_form", Role.RESEARCHER, REHEARSING),
    Place("Find variables", "finding.catalogue", Role.RESEARCHER, frozenset({"finding.table", "finding.variable"})),
    Place("Inbox", "inbox.inbox", Role.CHECKER, CHECKING),
    Place(
        "Administration",
        "administer.overview",
        Role.ADMINISTRATOR,
        ADMINISTERING,
    ),
    Place("Notices", "notices.notices"),
    Place(
        "Public register", "public.register_page", others=frozenset({"public.project", "public.releases"}), public=True
    ),
)


def install(app: Flask) -> None:
    app.jinja_loader = ChoiceLoader(
        [
            PackageLoader("broker.web"),
            PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
        ]
    )
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = KEPT_SECONDS
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.jinja_env.filters |= {"moment": moment, "day": day, "words": words, "number": number}
    app.jinja_env.filters |= {"spans": years_told, "runs": years_text, "marked": marked}
    app.jinja_env.globals |= {"built": built, "style_nonce": style_nonce, "tag_colour": tag_colour}
    app.jinja_env.globals |= {"navigation": navigation, "is_demo": is_demo}


def is_demo() -> bool:
    """Demo accounts exist only where all data are made up."""
    return door().settings.demo_sign_in


def built(name: str) -> str:
    """The address of a built file; it changes with the file, so that browsers may keep it."""
    file = BUILT / name
    version = f"{file.stat().st_mtime_ns:x}" if file.is_file() else "0"
    return url_for("static", filename=f"built/{name}", v=version)


def tag_colour(state: str) -> str:
    return TAGS.get(words(state), "grey")


def words(code: str) -> str:
    """A closed word as people write it."""
    return SPOKEN.get(code, code).replace("_", " ")


def marked(attributes: dict[str, str], wrong: object) -> dict[str, str]:
    """A field's attributes; one whose value cannot be used says so to screen readers."""
    return attributes | {"aria-invalid": "true"} if wrong else attributes


def moment(at: datetime) -> str:
    return at.strftime("%-d %B %Y, %H:%M")


def day(at: date) -> str:
    return at.strftime("%-d %B %Y")


def number(value: float) -> str:
    """With commas between thousands."""
    return f"{value:,}"


def navigation() -> list[dict[str, object]]:
    """Where the person may go, in the order of their day; the page that they are on is marked."""
    return [_link(place) for place in PLACES if _finds(g.get("person"), place)]


def _finds(person: Person | None, place: Place) -> bool:
    return place.public or (person is not None and (place.role is None or place.role in person.roles))


def _link(place: Place) -> dict[str, object]:
    here = request.endpoint or ""
    active = here == place.endpoint or here in place.others
    return {"text": place.text, "href": url_for(place.endpoint), "active": active}
