"""How many rows of a plan's contributions one person can have, enforced in the plan itself. Knows no noise, no data."""
