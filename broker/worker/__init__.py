"""Door for work: a supervised process that alone may read source data and the sandbox engine. No HTTP, no rules."""
