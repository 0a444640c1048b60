"""Prints results: text for people, JSON documents for programs."""
