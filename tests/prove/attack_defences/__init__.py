"""Defences against what attackers found, one list an attack: each is taken out once, and its test must fail then."""
