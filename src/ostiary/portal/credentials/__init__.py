"""Credentials of developers themselves, in the portal."""
