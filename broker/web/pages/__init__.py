"""The pages: one module for each place where somebody works. Templates are next to it."""
