"""The Amazon-Cognito-compatible user pool: API, OAuth endpoints, hosted pages."""
