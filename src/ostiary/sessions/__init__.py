"""What a session is, when it ends, and how it travels sealed in cookies."""
