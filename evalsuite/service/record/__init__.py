"""What the record says and does: plain functions with a session."""
