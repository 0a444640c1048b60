"""Shelf: policies as frozen models with a fingerprint. `files` alone reads YAML, and only wiring and cli use it."""
