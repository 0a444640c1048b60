"""The top aggregation: keys, statistics, what they imply, and the program above them."""
