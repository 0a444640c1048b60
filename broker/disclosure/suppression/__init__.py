"""Secondary suppression: which further cells must be hidden so that no hidden one can be derived. Judges no cell."""
