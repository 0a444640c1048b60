"""The form of a submission as it was typed, and what it means. Knows the form's fields and nothing of their rules."""

import secrets
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from flask import request

from broker.domain.errors import Invalid
from broker.domain.jobs import Kind, Submission


@dataclass(frozen=True, slots=True)
class SubmitForm:
    """What was typed, shown again when something is wrong with it. `nonce` belongs to one showing of the form."""

    project: str = ""
    kind: str = "sql"
    dialect: str = ""
    title: str = ""
    purpose: str = ""
    text: str = ""
    descriptions: str = ""
    replaces: str = ""
    nonce: str = ""


def empty(project: str) -> SubmitForm:
    return SubmitForm(project=project, nonce=secrets.token_urlsafe(12))


def of_draft(draft: Submission) -> SubmitForm:
    """An earlier submission, to be edited."""
    return replace(
        empty(draft.project),
        kind=draft.kind.value,
        dialect=draft.dialect if draft.kind is Kind.SQL else "",
        title=draft.title,
        purpose=draft.purpose,
        text=draft.text,
        descriptions="\n".join(f"{name} | {sentence}" for name, sentence in draft.descriptions),
        replaces=draft.replaces or "",
    )


def typed() -> SubmitForm:
    """Browsers send CRLF; the stored text has the lines that the researcher sees."""
    given = {name: request.form.get(name, "").replace("\r\n", "\n") for name in SubmitForm.__slots__}
    if any("\x00" in value for value in given.values()):
        raise Invalid("characters", "The form holds a character that cannot be used.", "")
    return SubmitForm(**given)


def kind_of(form: SubmitForm) -> Kind:
    if form.kind not in {k.value for k in Kind}:
        raise Invalid("kind", "Choose SQL or Python.", "/kind")
    return Kind(form.kind)


def submission_of(form: SubmitForm) -> Submission:
    kind = kind_of(form)
    return Submission(
        project=form.project,
        kind=kind,
        dialect=form.dialect if kind is Kind.SQL else "",
        text=form.text,
        title=form.title,
        purpose=form.purpose,
        descriptions=_descriptions(form.descriptions),
        client_id=_client_id(form),
        replaces=form.replaces.strip() or None,
    )


def _client_id(form: SubmitForm) -> str | None:
    """The same form sent twice is one job; going back and mending it makes another."""
    if not form.nonce:
        return None
    digest = sha256("\x1f".join(asdict(form).values()).encode("utf-8", "surrogatepass")).hexdigest()
    return f"form-{form.nonce[:40]}-{digest[:32]}"


def _descriptions(written: str) -> tuple[tuple[str, str], ...]:
    """One a line: an output's name, a bar, what it is."""
    found = []
    for line in filter(str.strip, written.splitlines()):
        name, bar, sentence = line.partition("|")
        if not bar:
            raise Invalid("description", "Write each description as: output name | what it is.", "/descriptions")
        found.append((name.strip(), sentence.strip()))
    return tuple(found)
