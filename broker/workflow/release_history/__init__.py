"""Steps of a job that concern the release history: its tables are compared when they are assessed, compared again
before they are released, and recorded when they are."""
