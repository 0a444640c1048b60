"""Selectivity: which parts of a job's text select so few people, by public sizes, that a checker must review them."""
