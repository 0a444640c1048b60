"""Adapter that sends mail. It knows a server and nothing of what it sends."""
