"""Pages for policy sets: what waits, what one would change, applying it; and what the set in force says. No rules."""

from dataclasses import fields

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.policy.profile_words import PARAMETERS
from broker.policy.tables import TableKind
from broker.web.setup import caller, ports
from broker.workflow import policy_plans, watch

pages = Blueprint("policies", __name__)

SHOWN = 500
"""Sentences of a difference that a page shows; how many more there are is told."""


@pages.get("/administration/policies")
def policies() -> str:
    return render_template("administration_policies.html", state=watch.in_force(ports(), caller()))


@pages.get("/administration/policies/<fingerprint>")
def policy(fingerprint: str) -> str:
    view = policy_plans.look(ports(), caller(), fingerprint)
    more = max(0, len(view.sentences) - SHOWN)
    return render_template("administration_policy.html", view=view, sentences=view.sentences[:SHOWN], more=more)


@pages.post("/administration/policies/<fingerprint>/application")
def apply_policy(fingerprint: str) -> Redirect:
    policy_plans.apply_seen(ports(), caller(), fingerprint, request.form.get("against", "")[:100])
    return redirect(url_for("policies.policies"))


@pages.get("/administration/profiles")
def profiles() -> str:
    found = policy_plans.catalogue_and_profiles(ports(), caller())
    names = [f.name for f in fields(found.profiles[0])] if found.profiles else []
    used = {p.name: [q.ident for q in found.projects if q.profile == p.name] for p in found.profiles}
    facts = {name: PARAMETERS[name] for name in names if name not in {"name", "source"}}
    return render_template("administration_profiles.html", profiles=found.profiles, facts=facts, used=used)


@pages.get("/administration/tables")
def tables() -> str:
    """The public tables: what jobs may use without a grant of persons."""
    found = policy_plans.catalogue_and_profiles(ports(), caller()).catalogue
    public = sorted((t for t in found.tables if t.kind is TableKind.PUBLIC), key=lambda t: t.full_name)
    return render_template("administration_tables.html", tables=public, all_tables=len(found.tables))
