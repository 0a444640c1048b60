"""The parts of the store for jobs and what comes of them: outputs, votes, releases, rehearsals, saved definitions."""
