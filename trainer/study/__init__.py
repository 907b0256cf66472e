"""The study on a real small model: where the model comes from."""
