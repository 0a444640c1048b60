"""A lower room: what stands above the groups of an output, computed on protected or noisy values alone. Judges nothing,
draws nothing, and knows neither rules nor noise."""
