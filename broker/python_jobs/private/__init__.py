"""Scripts that ask privately: their line, their function `answer`, and how their tables are cut into blocks. Pure."""
