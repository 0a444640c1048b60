"""How the workflow's values become the API's shapes and download answers. Reads no request and decides nothing."""

import base64
import re
from hashlib import sha256
from typing import Any

from flask import Response

from broker.domain.jobs import Job, Kind
from broker.domain.outputs import Output
from broker.domain.projects import Project
from broker.domain.saved import SCHEMA
from broker.web import models, models_catalogue, models_staff
from broker.workflow.check import Checked
from broker.workflow.records import AcroFolder
from broker.workflow.release import Download

ENDINGS = {
    "text/csv": ".csv",
    "application/json": ".json",
    "text/plain": ".txt",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/svg+xml": ".svg",
    "application/vnd.apache.parquet": ".parquet",
}


def check_shown(checked: Checked, forecast: dict[str, Any] | None = None) -> models.CheckShown:
    return models.CheckShown(
        verdict="accepted" if checked.accepted else "refused",
        review=list(checked.review),
        advice=list(checked.advice),
        refusals=[models.RefusalShown.model_validate(r) for r in checked.refusals],
        uses=[models.UseShown.model_validate(u) for u in checked.uses],
        outputs=_planned(checked),
        kept=[f"{SCHEMA}.{k.name}" for k in checked.kept],
        private=forecast,
    )


def _planned(checked: Checked) -> list[models.PlannedShown]:
    if checked.kind is Kind.PYTHON:
        return [models.PlannedShown(name=name, unit=None, columns=[]) for name, _ in checked.declared]
    return [models.PlannedShown.model_validate(o) for o in checked.plan.outputs] if checked.plan else []


def project_shown(project: Project) -> models_catalogue.ProjectShown:
    fields: dict[str, Any] = {name: getattr(project, name) for name in models_catalogue.ProjectShown.model_fields}
    plain = {"expires": project.expires.isoformat(), "mode": project.mode.value}
    return models_catalogue.ProjectShown.model_validate(fields | plain)


def inbox_item(output: Output, job: Job) -> models_staff.InboxItem:
    return models_staff.InboxItem(
        output=output.ident,
        name=output.name,
        kind=output.kind.value,
        job=job.ident,
        project=job.submission.project,
        title=job.submission.title,
        created=output.created,
        claimed_by=output.claimed_by,
    )


def acro_shown(folder: AcroFolder) -> models_staff.AcroShown:
    files = [
        models_staff.AcroFileShown(
            name=name,
            content_base64=None if content is None else base64.b64encode(content).decode(),
            sha256=None if content is None else sha256(content).hexdigest(),
        )
        for name, content in folder.files
    ]
    return models_staff.AcroShown(results=folder.results, files=files)


def content_response(download: Download) -> Response:
    """Always an attachment under a plain name: a released file is never shown inside the broker's own pages."""
    media_type = download.media_type if download.media_type in ENDINGS else "application/octet-stream"
    response = Response(download.content, mimetype=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name(download.name, media_type)}"'
    return response


def file_name(name: str, media_type: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".")[:100] or "output"
    ending = ENDINGS.get(media_type, "")
    return plain if plain.lower().endswith(ending) else plain + ending
