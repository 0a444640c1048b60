"""Who calls, and what every request and answer goes through."""
