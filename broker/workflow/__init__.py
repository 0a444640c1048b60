"""Stairs: one module a stage, from submission to release. Adapters come as ports by argument; no HTTP, no SQL, no Docker."""
