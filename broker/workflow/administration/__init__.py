"""What administrators do: accounts, policy sets, projects, stops, erasures, public tables and restoring."""
