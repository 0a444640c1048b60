"""What protection costs an output, as text for people. Judges nothing."""

from typing import Any

from broker.cli.output.console import print_line

MOST_CHANGES = 2


def print_cost(cost: dict[str, Any]) -> None:
    """Print the hidden figures by cause, the errors of the others, and the changes that show most."""
    hidden: dict[str, int] = cost["hidden"]
    print_line(f"{sum(hidden.values()):,} of {cost['figures']:,} figures about somebody are hidden")
    for cause, number in hidden.items():
        print_line(f"  because of {cause}: {number:,}")
    if errors := ", ".join(f"{column} {error:g} %" for column, error in cost["errors_percent"].items()):
        print_line(f"median error of the figures that are shown: {errors}")
    for change in cost["changes"][:MOST_CHANGES]:
        threshold = f"by the threshold alone, {change['hidden']:,} of {change['figures']:,} figures are then hidden"
        print_line(f"to see more, {change['change']} {change['key']}: {threshold}")
