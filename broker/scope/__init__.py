"""The scope check: what a submission uses against what its project was granted. Pure; parses no text."""
