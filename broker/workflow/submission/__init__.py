"""Researchers submit, preview and withdraw jobs, and manage what their project saves."""
