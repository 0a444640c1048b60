"""The rules on a file of person rows, and the attack on a published table. Nothing of plans here."""
