"""What protection costs: how many figures of ordinary tables are hidden, and how far the others are from the truth."""
