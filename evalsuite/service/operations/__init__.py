"""Backup, restore, retention: what keeps a record for years."""
