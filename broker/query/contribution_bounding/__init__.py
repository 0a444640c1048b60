"""Contribution bounding: the most rows of one person in a plan, enforced by the plan itself. No noise, no data."""
