"""Do something and expect an error."""

from collections.abc import Callable
from typing import Any

import pytest


def expect(error: type[BaseException], act: Callable[..., object], *given: Any, match: str | None = None, **named: Any):
    """What `act(*given, **named)` raises: an error of this kind, whose words fit."""
    with pytest.raises(error, match=match) as caught:
        act(*given, **named)
    return caught.value
