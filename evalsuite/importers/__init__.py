"""Predictions made elsewhere, read into our own form."""
