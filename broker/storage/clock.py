"""The system's clock as a port. Nothing else in the broker asks for the time."""

from datetime import UTC, datetime


class SystemClock:
    """The port `Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)
