"""
What tests may do with a user pool that nobody else may: read its mail, move its clock, break it.

Nothing of this exists unless `userpool_testing` is on, which a node refuses for any address but
loopback.
"""
