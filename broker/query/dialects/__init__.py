"""Everything in which SQL dialects differ: one module for each dialect. No binding, no data."""
