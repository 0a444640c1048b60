"""Jobs: submissions, outputs, reviews, rehearsals, and what scripts leave and request."""
