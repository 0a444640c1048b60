"""What a plan may compute: closed lists of operations and aggregate functions, possible values, and bounds of
values."""
