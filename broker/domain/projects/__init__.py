"""Approved projects with their grants and saved definitions, stops of people and projects, and erasures."""
