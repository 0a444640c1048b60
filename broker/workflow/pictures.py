"""Pictures that a script drew are made anew in a container of trusted code, one each. People look at all of them."""

from collections.abc import Mapping

from broker.domain.jobs import Kind
from broker.domain.ports import HandedTo
from broker.python_jobs.left import Left, named
from broker.workflow.limits import limits_for
from broker.workflow.trusted import Stage

ENDING = ".png"


def remade_pictures(stage: Stage, left: Left) -> Mapping[str, bytes | None]:
    """By name; None where the bytes are no picture. Beyond the most outputs of a job none is made anew."""
    drawn = [(name, content) for name, content in map(named, left.files) if name is not None and name.endswith(ENDING)]
    return {name: _remade(stage, content) for name, content in drawn[: stage.policies.service.max_outputs]}


def _remade(stage: Stage, content: bytes) -> bytes | None:
    to = HandedTo(stage.vault, stage.checked.uses, content, stage.job, stage.attempt)
    result = stage.run(stage.handed.prepare_picture(to, limits_for(Kind.SQL, stage.policies)))
    return stage.handed.read_picture(result.frames)
