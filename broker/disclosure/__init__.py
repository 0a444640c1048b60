"""Disclosure control: applies the disclosure rules to outputs and their evidence. Pure: no I/O, clock, randomness,
engine."""
