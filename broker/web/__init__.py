"""Door for browsers and programs over HTTP: reads requests, calls the workflow, shows what it answers. No rules."""
