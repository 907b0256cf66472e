"""What pages list: few queries, of the columns that are shown alone."""
