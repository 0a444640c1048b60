"""Characters that change how a text is displayed: refused in what people write, and replaced in logs. Pure. Control
characters move a terminal's cursor; direction marks reverse the text next to them. Texts that leave are no formulas."""

import unicodedata

from broker.domain.csv_text import is_formula
from broker.domain.errors import Invalid

CONTROL_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
JOINING_MARKS = frozenset("\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}\N{SOFT HYPHEN}")
"""Invisible characters that some words need."""
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def check_plain_text(text: str, what: str, pointer: str, *, lines: bool = False) -> None:
    """Raises Invalid if a text has an invisible character. With `lines`, line ends and tabs are allowed."""
    wrong = next((c for c in text if _is_control(c) and not (lines and c in "\r\n\t")), None)
    if wrong is not None:
        message = f"The {what} has the invisible control character U+{ord(wrong):04X}. Remove this character."
        raise Invalid("characters", message, pointer)


def check_released_text(text: str, what: str, pointer: str, *, lines: bool = False) -> None:
    """`check_plain_text` for a text that leaves with a release or in the register. Also raises Invalid if a spreadsheet
    would compute it. With `lines`, only the first line counts: the others may be a list with dashes."""
    check_plain_text(text, what, pointer, lines=lines)
    if is_formula(text.strip().partition("\n")[0] if lines else text, numbers=False):
        message = f"A spreadsheet would read the {what} as a formula. Begin it with a letter, a digit or a bracket."
        raise Invalid("spreadsheet-formula", message, pointer)


def terminal_text(text: str) -> str:
    """The text for a terminal: line ends and tabs stay, other invisible characters become a visible mark."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(REPLACEMENT if _is_control(c) and c not in "\n\t" else c for c in text.replace("\r\n", "\n"))


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in CONTROL_CATEGORIES and character not in JOINING_MARKS
