"""The public register's pages and files: everybody may read them, nobody signs in. No rules."""

from flask import Blueprint, Response, jsonify, render_template, request, url_for

from broker.domain.ports import RegisterEntry, RegisterFilter
from broker.web import models_register, register_files
from broker.web.setup import ports
from broker.workflow import register

pages = Blueprint("public", __name__)

PAGE, FEED = 50, 50


@pages.get("/register")
def register_page() -> str:
    """Projects that fit the search, and what was released last."""
    found, newest = register.projects(ports(), _wanted()), register.releases(ports(), RegisterFilter(limit=10))
    return render_template("register.html", entries=found, newest=newest, q=_words(), statuses=list(register.Status))


@pages.get("/register/releases")
def releases() -> str:
    after = request.args.get("after") or None
    look = RegisterFilter(words=_wanted().words, after=after, limit=PAGE + 1)
    found = register.releases(ports(), look)
    following = found[PAGE - 1].release if len(found) > PAGE else None
    return render_template("register_releases.html", releases=found[:PAGE], following=following, q=_words())


@pages.get("/register/projects/<project>")
def project(project: str) -> str:
    entry = register.project(ports(), project)
    look = RegisterFilter(frozenset({project}), after=request.args.get("after") or None, limit=PAGE + 1)
    found = register.releases(ports(), look)
    following = found[PAGE - 1].release if len(found) > PAGE else None
    return render_template(
        "register_project.html", entry=entry, releases=found[:PAGE], following=following, route=register.ROUTE,
        levels=register.LEVELS,
    )  # fmt: skip


@pages.get("/register.json")
def register_json() -> Response:
    look = _wanted()
    shown = models_register.RegisterShown(
        projects=[models_register.project_shown(e) for e in register.projects(ports(), look)],
        releases=[models_register.release_shown(e) for e in _releases(look)],
    )
    return jsonify(shown.model_dump(mode="json"))


@pages.get("/register.csv")
def register_csv() -> Response:
    """Projects, in the columns of the department's published list of data shares."""
    return _file(register_files.projects_csv(register.projects(ports(), _wanted())), "register.csv")


@pages.get("/register/releases.csv")
def releases_csv() -> Response:
    return _file(register_files.releases_csv(_releases(_wanted())), "releases.csv")


@pages.get("/register.atom")
def register_feed() -> Response:
    """The newest releases and recalls, for feed readers. Links are relative: the Host header is anybody's."""
    made = register.releases(ports(), RegisterFilter(limit=FEED))
    recalled = register.releases(ports(), RegisterFilter(limit=FEED, recalled=True))
    text = register_files.feed(made, recalled, url_for(".register_feed"), lambda p: url_for(".project", project=p))
    return Response(text, content_type="application/atom+xml; charset=utf-8")


def _releases(look: register.Wanted) -> list[RegisterEntry]:
    return register.releases(ports(), RegisterFilter(words=look.words))


def _wanted() -> register.Wanted:
    return register.wanted(_words(), request.args.get("status", ""))


def _words() -> str:
    return request.args.get("q", "")[:200]


def _file(content: bytes, name: str) -> Response:
    response = Response(content, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
