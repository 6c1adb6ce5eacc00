"""Developers' applications: what they may call, with what, and how much they do."""
