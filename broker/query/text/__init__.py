"""From the text of a submission to trees: looks, tokens, statements, parser. Binds nothing."""
