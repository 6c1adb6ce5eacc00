"""Keys, signatures, tokens and sealing. The only importer of joserfc, and of cryptography for tokens."""
