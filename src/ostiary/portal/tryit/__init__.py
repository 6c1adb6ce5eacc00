"""Trying an operation from the portal: a form, a request to this node's own gateway, its answer."""
