"""Private jobs, from a checked text to noisy outputs. No rule of disclosure control is asked of them, and no exact
figure leaves this package but to the noise process."""
