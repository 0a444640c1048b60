"""Engine: turns a plan into a sandbox request, result frames into evidence, and person rows into evidence. Judges
nothing."""
