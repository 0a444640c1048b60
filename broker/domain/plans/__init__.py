"""Plans: scalar expressions, planned tables with their statistics, the variables that they use, and what follows from
them."""
