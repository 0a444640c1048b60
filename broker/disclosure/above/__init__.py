"""What stands above the groups of an output, computed on protected values alone. Judges nothing."""
