"""Post-processing: what an output computes after aggregation, from protected or noisy figures alone. Judges
nothing, draws nothing, and knows neither rules nor noise."""
