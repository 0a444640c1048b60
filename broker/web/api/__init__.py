"""The HTTP API: one module a subject, shapes in `schemas`, errors as problem JSON."""
