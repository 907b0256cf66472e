"""The study on a real small model: what it knows, what training changes, what a prompt would."""
