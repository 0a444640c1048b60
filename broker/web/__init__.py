"""Door for browsers and programs over HTTP: reads requests, calls the workflow, shows its answers. No rules."""
