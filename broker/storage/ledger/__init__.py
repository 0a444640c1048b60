"""The ledger's part of the store: accounts, spends, its own chain and its signed heads. No business rules."""
