"""What runs: plans to DuckDB text."""
