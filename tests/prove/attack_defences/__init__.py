"""Defences against the attacks of the second round, each removable: a module for each part, with `DEFENCES`."""
