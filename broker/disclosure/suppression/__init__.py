"""Secondary suppression: what more must be hidden so that nothing hidden can be derived. Judges no cell."""
