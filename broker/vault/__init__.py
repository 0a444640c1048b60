"""Vault: makes snapshots of the data and project vaults out of them. Decides nothing about scope or release."""
