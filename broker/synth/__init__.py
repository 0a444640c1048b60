"""Makes a synthetic NPD from public marginals: every table of the catalogue, with people linked. Reads no real data."""
