"""Tasks of one's own data: a task file beside the data says how its rows are asked."""
