"""Composition, one module per process role."""
