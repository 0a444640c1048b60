"""What may be spent of each person's privacy, and what was spent: values and rules of the ledger. No store and no
noise."""
