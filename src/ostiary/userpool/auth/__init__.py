"""Sign-in through the API: flows, challenges, factors, devices."""
