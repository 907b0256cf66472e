"""What is computed: in a process of its own, again from where it was after a crash."""
