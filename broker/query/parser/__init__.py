"""From the text of a submission to syntax trees: characters, tokens, statements, temporary tables and variables."""
