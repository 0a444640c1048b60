"""The release history in the store: released tables as entries, their figures, counts against caps, and the hash chain
of all of them. Members are in encrypted files, which the store does not open."""
