"""A family of data sets and promises per module."""
