"""Post-processing: computes what an output does after aggregation, from protected or noisy figures only. It judges
nothing, draws no noise, and knows no rules."""
