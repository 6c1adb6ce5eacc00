"""The Manager: the pages on which operators see and change what the gateway does."""
