"""Facts derived from bound queries: uses and years, group keys, row multiplicity, implied statistics. No syntax."""
