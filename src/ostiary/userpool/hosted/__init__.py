"""The hosted pages: sign in, sign up, confirm, reset, sign out. They work without JavaScript."""
