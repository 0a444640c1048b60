"""The profiles that are shipped: attacks are shown under all of them. A test of branches holds the list to policy."""

SHIPPED = ("leo", "npd-cell-key", "npd-default", "opensafely-like", "strict")
