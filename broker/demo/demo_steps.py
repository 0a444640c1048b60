"""Shows the demo's progress: one line with its time for each stage, and a progress bar while it lasts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

console = Console(highlight=False, soft_wrap=True)


class DemoStep:
    """A stage in progress. `show_progress` updates the bar, `say` prints a line."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None, detail="")

    def show_progress(self, what: str, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total, detail=what)

    def say(self, line: str) -> None:
        self._progress.console.print(f"    {line}", markup=False)


@contextmanager
def demo_step(title: str) -> Iterator[DemoStep]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[detail]}"))
    began = time.monotonic()
    console.print(f"[bold]> {title}[/]")
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        yield DemoStep(progress, title)
    console.print(f"    done in {time.monotonic() - began:.1f} s", style="dim")
