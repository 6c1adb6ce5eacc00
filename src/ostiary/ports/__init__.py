"""What the rest needs of the world, as protocols. One page each."""
