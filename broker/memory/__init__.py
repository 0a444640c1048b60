"""Memory: the sealed files that hold who was in each cell of everything released. The worker only; judges nothing."""
