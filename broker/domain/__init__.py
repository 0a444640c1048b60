"""Ground: the trade's own values and rules. Standard library only; no I/O, no clock, no other room."""
