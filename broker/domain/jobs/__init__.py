"""Jobs: submissions, outputs, reviews, rehearsals, and the files and requests of scripts."""
