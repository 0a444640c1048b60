"""Policies with one text of a file replaced: what is told of them, and where."""

from collections.abc import Callable
from pathlib import Path

import pytest

from broker.domain.errors import Invalid


def fault_of(load: Callable[[Path], object], folder: Path, file: str, old: str, new: str) -> tuple[Invalid, str]:
    """What loading `folder` tells once `new` stands for `old` in that file, and the line of the file that it names."""
    text = (folder / file).read_text()
    assert old in text
    changed = text.replace(old, new, 1)
    (folder / file).write_text(changed)
    with pytest.raises(Invalid) as caught:
        load(folder)
    name, _, line = caught.value.pointer.rpartition(":")
    assert name == str(folder / file)
    return caught.value, changed.splitlines()[int(line) - 1].strip()
