"""A synthetic world of claims and evidence, for tests, examples and offline demonstrations."""
