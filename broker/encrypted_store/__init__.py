"""Adapter for the encrypted files of the release history, which say who was in each cell of every released table. Only
the worker reads them. Judges nothing."""
