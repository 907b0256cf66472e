"""Finished folders as the pages of a record that lasts as long as they are looked at."""
