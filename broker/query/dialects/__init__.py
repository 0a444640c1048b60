"""All differences between SQL dialects: one module for each dialect. No binding, no data."""
