"""Private jobs, from a checked text to noisy outputs; exact figures go to the noise process and nowhere else."""
