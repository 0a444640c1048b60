"""Vault: makes snapshots of the data, and project vaults from them. Takes no decisions on scope or release."""
