"""The HTTP API: one module for each subject, schemas in `schemas`, errors as problem JSON."""
