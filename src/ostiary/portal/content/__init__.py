"""A workspace's files as a site: routes, pages, specifications, search. Values in, values out."""
