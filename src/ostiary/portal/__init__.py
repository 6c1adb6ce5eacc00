"""The Developer Portal: what developers read, and the accounts that they read it with."""
