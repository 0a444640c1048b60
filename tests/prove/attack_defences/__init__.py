"""Defences against attacks of researchers, a list a subject, in the form of `tests.prove.defences`."""
