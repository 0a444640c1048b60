"""Applies the edits of refusals to a text, round by round, until none is left."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from broker.domain.errors import TextEdit
from broker.workflow.checking.submission_check import CheckedSubmission

MOST_ROUNDS = 10
WHERE = " WHERE "


@dataclass(frozen=True, slots=True)
class FixedText:
    """A text after all edits, its check, and the edits in the order in which they were made."""

    text: str
    checked: CheckedSubmission
    edits: tuple[TextEdit, ...]


def fix_text(text: str, check: Callable[[str], CheckedSubmission]) -> FixedText:
    """Apply the edits of all refusals, and check again: at most `MOST_ROUNDS` times."""
    line_end, made = "\r\n" if "\r\n" in text else "\n", list[TextEdit]()
    text = text.replace("\r\n", "\n")
    checked = check(text)
    for _ in range(MOST_ROUNDS):
        edits = separate_edits(text, (r.edit for r in checked.refusals if r.edit is not None))
        changed = apply_edits(text, edits)
        if changed == text:
            break
        made += edits
        text, checked = changed, check(changed)
    return FixedText(text.replace("\n", line_end), checked, tuple(made))


def separate_edits(text: str, edits: Iterable[TextEdit]) -> list[TextEdit]:
    """Each edit once, in order of place, without those that overlap an earlier one. WHERE comes before what is added at
    the same place, and a second WHERE there is an AND."""
    found: list[TextEdit] = []
    end = 0
    for edit in sorted(dict.fromkeys(edits), key=lambda e: (e.line, e.column, e.length, -_rank(e))):
        start = offset_of(text, edit)
        if found and _rank(edit) and _rank(found[-1]) and start == end:
            edit = replace(edit, replacement=edit.replacement.replace(WHERE, " AND ", 1))
        if start >= end:
            found.append(edit)
            end = start + edit.length
    return found


def _rank(edit: TextEdit) -> int:
    return int(edit.replacement.startswith(WHERE))


def apply_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """The text after edits that do not overlap, in order of place."""
    pieces, at = list[str](), 0
    for edit in edits:
        start = offset_of(text, edit)
        pieces += [text[at:start], edit.replacement]
        at = start + edit.length
    return "".join([*pieces, text[at:]])


def offset_of(text: str, edit: TextEdit) -> int:
    """Offset of the place of an edit in a text whose lines end in one character."""
    starts = [0] + [i + 1 for i, c in enumerate(text) if c == "\n"]
    return starts[edit.line - 1] + edit.column - 1
