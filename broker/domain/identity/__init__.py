"""People, their roles and permissions, and the audit log of what they did."""
