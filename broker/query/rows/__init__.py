"""Relations of rows while they are bound: FROM, WHERE, subqueries, windows, set operations. No statistics."""
