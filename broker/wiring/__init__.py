"""The only package that knows every adapter. Builds ports from settings; decides nothing else.

Each builder imports what it builds, so a command loads only the adapters that it needs.
"""
