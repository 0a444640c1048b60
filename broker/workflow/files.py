"""What a script left is made anew in a container of trusted code, all of a job in one; then the broker reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from broker.domain.files import DOCUMENT, MadeFile
from broker.domain.ports import Collecting
from broker.python_jobs.claims import Claims, claims_of
from broker.python_jobs.left import ABOUT, CLAIMS, Left, LeftRequest, Stayed, description_of, leaves_as
from broker.workflow.limits import files_limits
from broker.workflow.trusted import Stage


@dataclass(frozen=True, slots=True)
class Opened:
    """What a script left, as it may be read. `described` are its words about files and `claims` those of its own acro,
    by the names under which the files leave."""

    requests: tuple[LeftRequest, ...]
    files: tuple[MadeFile, ...] = ()
    stayed: tuple[Stayed, ...] = ()
    described: Mapping[str, str] = field(default_factory=dict)
    claims: Claims = field(default_factory=dict)


def opened(stage: Stage, left: Left) -> Opened:
    every = (*left.documents, *left.files)
    made = stage.ports.collector.collect(every, how(stage), stage.ports.sandbox.run)
    documents = {m.name: m.content or b"" for m in made if m.media_type == DOCUMENT}
    described = {n.removesuffix(ABOUT): description_of(c) for n, c in documents.items() if n.endswith(ABOUT)}
    claims = claims_of(documents.get(CLAIMS))
    return Opened(
        requests=tuple(_read(one, documents) for one in left.requests),
        files=tuple(m for m in made if m.media_type != DOCUMENT),
        stayed=left.stayed,
        described={leaves_as(name).casefold(): said for name, said in described.items()},
        claims={leaves_as(name).casefold(): claim for name, claim in claims.items()},
    )


def how(stage: Stage) -> Collecting:
    service, vault = stage.policies.service, stage.vault
    return Collecting(
        job=stage.job,
        attempt=stage.attempt,
        mount=vault.script,
        synthetic=vault.synthetic,
        limits=files_limits(stage.policies),
        caps=service.file_caps,
        digits=stage.profile.file_digits,
        file_seconds=service.file_seconds,
        file_memory_bytes=service.file_memory_bytes,
    )


def _read(one: LeftRequest, documents: Mapping[str, bytes]) -> LeftRequest:
    """One that is too large was not made anew, and is read by nobody."""
    return replace(one, request=documents.get(one.names[0], b""))
