"""How every privacy record begins."""

RECORD, VERSION = "npd-broker privacy record", 1
