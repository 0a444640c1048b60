"""Checks of a submission's text: pure functions of text, policy and project."""
