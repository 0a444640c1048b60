"""A search for SQL texts that tell one child's secret: texts of a grammar, run on towns that differ in one child."""
