"""Door for work: a supervised process that alone may read source data and use the sandbox engine. No HTTP, no rules."""
