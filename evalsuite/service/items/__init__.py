"""Paired items of a comparison: one Parquet file, queries over it, and pages."""
