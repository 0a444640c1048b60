"""What the engine counts and the rules judge: tables that count the same people, and evidence and members of cells.

No rule, no verdict and no SQL.
"""
