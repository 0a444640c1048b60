"""Characters that change how a text is shown: refused where people write, and taken out of logs. Pure.

Control characters move a terminal's cursor; marks of direction turn round what stands beside them.
"""

import unicodedata

from broker.domain.errors import Invalid

CONTROL_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
JOINING_MARKS = frozenset("\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}\N{SOFT HYPHEN}")
"""Marks that words are written with."""
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def check_plain_text(text: str, what: str, pointer: str, *, lines: bool = False) -> None:
    """Raises Invalid where a text has a character that is not shown; with `lines` it may have several lines."""
    wrong = next((c for c in text if _is_control(c) and not (lines and c in "\r\n\t")), None)
    if wrong is not None:
        message = f"The {what} holds the control character U+{ord(wrong):04X}, which nobody sees: take it out."
        raise Invalid("characters", message, pointer)


def terminal_text(text: str) -> str:
    """The text for a terminal: lines and tabs stay, other characters that are not shown have a mark instead."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(REPLACEMENT if _is_control(c) and c not in "\n\t" else c for c in text.replace("\r\n", "\n"))


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in CONTROL_CATEGORIES and character not in JOINING_MARKS
