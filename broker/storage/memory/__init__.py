"""The memory's part of the store: released tables as entries, their figures, counts against caps, and the chain of it
all. Members lie in files that no part of the store opens."""
