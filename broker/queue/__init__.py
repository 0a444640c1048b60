"""Adapter: hints to workers by RQ on Redis or Valkey. Carries a job's id and attempt, never data; never the truth."""
