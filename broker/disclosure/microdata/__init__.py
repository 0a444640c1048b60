"""Disclosure control of a file of person rows (`broker assess`). Does not deal with plans."""
