"""Defences against the attacks, as lists that can be taken out: each module here has one, `DEFENCES`."""
