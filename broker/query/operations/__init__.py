"""What a plan may compute: closed lists of operations and aggregates, their folding, bounds, sizes. No dialects."""
