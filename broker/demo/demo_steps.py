"""Shows the demo's progress: one line with its time for each stage, and a progress bar while it lasts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress as Bar, SpinnerColumn, TextColumn, TimeElapsedColumn

from broker.domain.progress import Progress

console = Console(highlight=False, soft_wrap=True)


def say(line: str) -> None:
    """Print a line of the stage in progress."""
    console.print(f"    {line}", markup=False)


@contextmanager
def demo_step(title: str) -> Iterator[Progress]:
    """Show a stage, and yield what updates its bar."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[detail]}"))
    began = time.monotonic()
    console.print(f"[bold]> {title}[/]")
    with Bar(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(title, total=None, detail="")
        yield lambda what, done, total: bar.update(task, completed=done, total=total, detail=what)
    console.print(f"    done in {time.monotonic() - began:.1f} s", style="dim")
