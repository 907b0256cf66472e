"""Who answers: transformers or vLLM in this process, a server, or an engine of your own."""
