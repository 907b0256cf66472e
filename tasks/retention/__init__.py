"""Small tasks without any download, for those who have nothing else to see what was forgotten."""
