"""Disclosure control of a file of person rows (`broker assess`). Nothing of plans here."""
