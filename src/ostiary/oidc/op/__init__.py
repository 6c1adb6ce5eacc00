"""The provider's half of the protocol. Knows nothing of the relying party's half."""
