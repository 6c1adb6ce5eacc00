"""What a person or a caller is told when something about an account is refused."""

from __future__ import annotations


class AccountError(Exception):
    """A request is refused; `code` is the API's exception, `message` its text."""

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
