"""Contribution bounding: the most rows of one person in a plan, enforced in the plan itself; no noise, no data."""
