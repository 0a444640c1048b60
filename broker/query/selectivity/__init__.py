"""Selectivity: which parts of a job's text select so few people, by public sizes, that a person has to check them."""
