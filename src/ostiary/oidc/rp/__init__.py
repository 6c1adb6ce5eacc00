"""The relying party's half of the protocol. Knows nothing of the provider's half."""
