"""
The console: pools, clients, domains and users as pages, drawn by the API's own operations.

It keeps nothing and decides nothing that the API does not: every page runs operations in
process, and says which.
"""
