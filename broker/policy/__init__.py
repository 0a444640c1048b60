"""Room: policies as frozen models with a fingerprint. Only `files` reads YAML, and only wiring and cli use it."""
