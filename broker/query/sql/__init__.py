"""DuckDB SQL of plans: statements for planned tables, their evidence, members, public rows and bounded tables."""
