"""The hall: the only room that knows every adapter. Builds ports from settings; decides nothing else.

Each builder imports what it builds: a command starts with the adapters that it needs, and with no other.
"""
