"""Schemas of the HTTP API, and conversions between them and the workflow's values."""
