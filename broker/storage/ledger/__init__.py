"""The ledger's part of the store: accounts, spends, its own chain and its signed heads. No rules of the trade."""
