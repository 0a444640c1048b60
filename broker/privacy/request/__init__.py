"""From a planned output to what is measured: private tables, bounded contributions, and why others cannot be."""
