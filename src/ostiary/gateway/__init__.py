"""Routing, compiled snapshots, plugin chains, and the decision for each request."""
