"""Tables of a job over the same people: which they are, what joint evidence they need, and one pattern of holes for all
of them. Pure; knows no engine and no released bytes."""
