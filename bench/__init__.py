"""Speed as ratios: two sides, alternated in one process, medians of many rounds. Claims of speed come from here."""
