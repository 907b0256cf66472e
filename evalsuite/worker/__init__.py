"""Machines with models: they take evaluations from a server, ask, and send the answers up."""
