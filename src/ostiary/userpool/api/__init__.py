"""The user pool's JSON API, as AWS SDKs speak it."""
