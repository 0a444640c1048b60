"""How long work reports where it is."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the step that begins or goes on, the steps done, and the steps in all."""


def no_progress(what: str, done: int, total: int) -> None:
    """Ignore progress."""
