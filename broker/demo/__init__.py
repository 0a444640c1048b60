"""Door for a first look: the whole way from nothing to a released table, on synthetic data, over the real HTTP API."""
