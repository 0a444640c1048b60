"""The years for which the generator has figures, in a module that imports nothing else."""

YEARS = range(2001, 2024)
