"""Identifies callers, and checks every request and answer."""
