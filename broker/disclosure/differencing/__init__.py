"""Differencing: compares a new table with the release history, to find who could be singled out by subtraction.
Pure."""
