"""How results are printed: text for people, JSON documents for programs."""
