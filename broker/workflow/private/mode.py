"""Whether a project may, must or must not ask privately. Knows no text but the line that says it."""

from broker.domain.errors import Refusal
from broker.domain.jobs import Kind
from broker.domain.projects import Mode, Project
from broker.privacy.asking.lines import PrivateLines

WRITE = "Write a line  -- private: epsilon 0.5  (or  -- private: error 5, for counts that are wrong by 5 in the mean)."


def check_mode(project: Project, kind: Kind, lines: PrivateLines) -> tuple[Refusal, ...]:
    if lines.is_private and (project.mode is Mode.DISCLOSURE_CONTROL or not project.privacy):
        return (
            Refusal(
                "private-not-here",
                f"Project {project.ident} releases under disclosure control only, and has no privacy to spend.",
                "Leave the line out, or ask an administrator whether the project may also ask privately.",
                lines.line,
                1,
            ),
        )
    if lines.is_private or project.mode is not Mode.DIFFERENTIAL_PRIVACY:
        return ()
    if kind is Kind.PYTHON:
        return (
            Refusal(
                "differential-privacy-only",
                f"Project {project.ident} releases under differential privacy only, and this script does not say "
                "what it may spend.",
                "Ask in SQL, or write  # private: epsilon 0.5, blocks 500, range [0, 1]  and  def answer(tables).",
            ),
        )
    return (
        Refusal(
            "private-spend-missing",
            f"Project {project.ident} releases under differential privacy only, and this text does not say what it may "
            "spend.",
            WRITE,
        ),
    )
