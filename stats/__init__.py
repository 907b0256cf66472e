"""What it means: pure functions from arrays to results."""
