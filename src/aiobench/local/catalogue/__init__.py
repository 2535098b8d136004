"""What a benchmark may name: datasets, models and metrics."""
