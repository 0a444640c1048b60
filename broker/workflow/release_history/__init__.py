"""Steps of a job that concern the release history: compared when assessed and before release, then recorded."""
