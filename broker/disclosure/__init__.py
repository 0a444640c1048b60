"""Disclosure control: what the rules find in results by their evidence. Pure: no I/O, clock, randomness or engine."""
