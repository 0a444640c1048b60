"""Adapter: offers jobs to workers with RQ on Redis or Valkey. It carries a job's id and attempt, never data, and is
never the authority on what runs."""
