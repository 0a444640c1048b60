"""A new table against all that was ever released: who could be singled out by subtracting. No I/O, no clock."""
