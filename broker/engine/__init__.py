"""Engine: a plan to a sandbox request, frames to evidence, person rows to evidence. Judges nothing."""
