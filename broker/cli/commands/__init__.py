"""The commands, one module for a task: they read arguments, call the workflow or the client, and print."""
