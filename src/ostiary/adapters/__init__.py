"""The ports, made of real things: clock, network, databases, mail."""
