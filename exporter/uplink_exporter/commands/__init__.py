"""What answers at the prompt."""
