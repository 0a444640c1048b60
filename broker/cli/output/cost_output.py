"""What protection costs an output, as text for people. Judges nothing."""

from typing import Any

from broker.cli.output.console import print_line

MOST_CHANGES = 2


def print_cost(cost: dict[str, Any]) -> None:
    """Print the hidden figures by cause, the errors of the others, and the changes that would hide a smaller share."""
    hidden = sum(one["figures"] for one in cost["hidden"])
    review = f", and a checker reviews {cost['in_review']:,}" if cost["in_review"] else ""
    print_line(f"Of {cost['figures']:,} figures with at least one person, {hidden:,} are hidden{review}.")
    for one in cost["hidden"]:
        print_line(f"  {one['sentence']}: {one['figures']:,}")
    if errors := ", ".join(f"{column} {error:g}%" for column, error in cost["errors_percent"].items()):
        print_line(f"Typical (median) difference from the exact figure: {errors}")
    for change in cost["changes"][:MOST_CHANGES]:
        few = f"{change['small']:,} of {change['figures']:,} figures would have too few people"
        print_line(f"If you {change['change']} {change['key']}, {few}.")
