"""What checkers do: their inbox, outputs with evidence and context, votes, messages, and scripts that failed."""
