"""Defences against what attackers found, how each is removed, and the test that must fail then: a list an engineer."""
