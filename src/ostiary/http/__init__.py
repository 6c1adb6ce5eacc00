"""HTTP as values: heads, fields, paths, cookies, forms, challenges. No I/O."""
