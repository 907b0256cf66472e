"""The record of a team from outside: what is sent over the wire, and who sends it."""
