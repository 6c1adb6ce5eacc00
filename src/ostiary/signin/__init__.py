"""One sign-in for every door: plugin, portal, Manager, forward-auth."""
