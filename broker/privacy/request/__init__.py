"""From a planned output to what is measured: private tables and bounded contributions, or reasons for refusal."""
