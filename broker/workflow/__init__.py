"""Stairs: one module a stage, from submission to release. Adapters come as ports; no HTTP, no SQL, no Docker."""
