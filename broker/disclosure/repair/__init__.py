"""What must be hidden so that nothing hidden can be derived: the attack, covers and the solver. Judges no cell."""
