"""Fakes of ports, and a provider in memory: what tests of sign-in stand on."""
