"""Disclosure control: what the rules say of results by their evidence. Pure: no I/O, clock, randomness or engine."""
