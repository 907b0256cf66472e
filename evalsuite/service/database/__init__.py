"""The tables of the record, on SQLite or PostgreSQL."""
