"""The parts of the store for jobs and their outputs, votes, releases, rehearsals and saved definitions."""
