"""Adapter that sends mail. It knows only the server, not the content."""
