"""A script's text files made anew in this process: for rehearsals in a Python of their author's, on made-up data, and
for nothing else. No isolation."""

from collections.abc import Callable, Sequence

from broker.domain.errors import Invalid
from broker.domain.files import DOCUMENT, MEDIA, LeftFile, MadeFile
from broker.domain.ports import Collecting, SandboxRequest, SandboxResult
from broker.engine.files import stays
from broker.python_jobs.documents import remade_document
from broker.python_jobs.remade import remake

ELSEWHERE = "A Parquet file is opened in a container only, and here is none."


class CollectorHere:
    """See `broker.domain.ports.Collector`. A picture stays as empty: what it would become is not looked at."""

    def collect(
        self, files: Sequence[LeftFile], how: Collecting, run: Callable[[SandboxRequest], SandboxResult]
    ) -> tuple[MadeFile, ...]:
        return tuple(made_here(file, how) for file in files)


def made_here(file: LeftFile, how: Collecting) -> MadeFile:
    size, media = len(file.content), MEDIA.get(file.kind, DOCUMENT)
    try:
        match file.kind:
            case "document":
                return MadeFile(file.name, media, size, remade_document(file.content, how.caps))
            case ".png":
                return MadeFile(file.name, media, size, b"")
            case ".parquet":
                return stays(file, "type", ELSEWHERE)
        made = remake(file.kind, file.content, how.digits, how.caps)
    except Invalid as wrong:
        return stays(file, wrong.code, wrong.message)
    return MadeFile(file.name, media, size, made.content, made.sheet)
