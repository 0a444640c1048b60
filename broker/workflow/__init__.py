"""The workflow: what happens to a submission from check to release, and what people may do and see."""
