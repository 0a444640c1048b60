"""The shapes of the HTTP API, and the workflow's values as them."""
