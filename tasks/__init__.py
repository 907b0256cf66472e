"""What is asked: prompts, answer parsing, data sets and the lm-evaluation-harness tasks."""
