"""Rehearsals: an accepted submission run and judged on synthetic data, for its author."""
