"""The years for which the generator has figures: who only wants to know them imports nothing else."""

YEARS = range(2001, 2024)
