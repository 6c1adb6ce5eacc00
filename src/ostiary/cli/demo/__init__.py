"""The demo: the whole walk on this machine, with its own sites, and a browser that drives it."""
