"""The shipped profiles. Attacks run under all of them. A test of branches compares the list with policy."""

SHIPPED = ("leo", "npd-cell-key", "npd-default", "opensafely-like", "strict")
