"""Door for people and programs at a terminal: reads arguments, calls the workflow or the client, prints. No rules."""
