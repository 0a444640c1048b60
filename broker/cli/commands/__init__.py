"""The commands, one module for each topic: they read arguments, call the workflow or the client, and print."""
