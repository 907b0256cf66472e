"""What is computed apart from requests, and goes on after a crash."""
