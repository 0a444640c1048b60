"""A batch to the outputs that it asks for: temporary tables, variables and pivots are written out, as trees."""
