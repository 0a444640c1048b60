"""Speed as ratios: two sides, alternated in one process, medians of many rounds. No claim of speed comes from elsewhere."""
