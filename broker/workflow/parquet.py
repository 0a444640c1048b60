"""Tables that a script left as Parquet are made text in a container of trusted code, one each; then they are as CSV."""

from itertools import islice

from broker.domain.jobs import Kind
from broker.domain.ports import HandedTo, Most, SandboxEnd
from broker.python_jobs.left import Left
from broker.python_jobs.parquet import parquet_files, retold
from broker.python_jobs.remade import WIDEST
from broker.workflow.limits import limits_for
from broker.workflow.trusted import Stage


def with_parquet(stage: Stage, left: Left) -> Left:
    """What the collector is given. A file that cannot be read, is too large or one too many stays as it is, and is
    withheld as any file of a kind that cannot leave."""
    service = stage.policies.service
    small = ((n, c) for n, c in parquet_files(left).items() if len(c) <= service.max_file_bytes)
    texts = {name: _text(stage, content) for name, content in islice(small, service.max_outputs)}
    return retold(left, {name: text for name, text in texts.items() if text is not None})


def _text(stage: Stage, content: bytes) -> bytes | None:
    """However the container ends is the file's doing, and ends no more than that file."""
    service = stage.policies.service
    to = HandedTo(stage.vault, stage.checked.uses, content, stage.job, stage.attempt)
    most = Most(service.max_file_rows, WIDEST, service.max_file_bytes)
    asked = stage.handed.prepare_parquet(to, limits_for(Kind.SQL, stage.policies), most)
    result = stage.ports.sandbox.run(asked)
    return stage.handed.read_parquet(result.frames) if result.end is SandboxEnd.ENDED else None
