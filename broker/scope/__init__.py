"""The scope check: compares the uses of a submission with the grants of its project. Pure; parses no text."""
