"""
Every text of the API and the hosted pages that clients or tests may compare.

One place, so that a correction from a live capture is one line. `{}` are filled by callers.
"""

from __future__ import annotations

from typing import Final

POOL_MISSING: Final = "User pool {} does not exist."
CLIENT_MISSING: Final = "User pool client {} does not exist."
USER_MISSING: Final = "User does not exist."
USER_EXISTS: Final = "User already exists"
EMAIL_EXISTS: Final = "An account with the given email already exists."
SIGN_UP_CLOSED: Final = "SignUp is not permitted for this user pool"

_POLICY: Final = "Password did not conform with policy: "
PASSWORD_SHORT: Final = f"{_POLICY}Password not long enough"
PASSWORD_LONG: Final = f"{_POLICY}Password must not be longer than 256 characters"
PASSWORD_SPACE: Final = f"{_POLICY}Password must not start or end with a space"
PASSWORD_UPPERCASE: Final = f"{_POLICY}Password must have uppercase characters"
PASSWORD_LOWERCASE: Final = f"{_POLICY}Password must have lowercase characters"
PASSWORD_NUMERIC: Final = f"{_POLICY}Password must have numeric characters"
PASSWORD_SYMBOL: Final = f"{_POLICY}Password must have symbol characters"
PASSWORDS_DIFFER: Final = "The two passwords differ."

ATTRIBUTE_REQUIRED: Final = "{}: The attribute is required\n"
ATTRIBUTES_WRONG: Final = "Attributes did not conform to the schema: {}"
EMAIL_WRONG: Final = "Invalid email address format."
USERNAME_NOT_EMAIL: Final = "Username should be an email."

CODE_WRONG: Final = "Invalid verification code provided, please try again."
CODE_EXPIRED: Final = "Invalid code provided, please request a code again."
TRIES_EXCEEDED: Final = "Attempt limit exceeded, please try after some time."
ALREADY_CONFIRMED: Final = "User cannot be confirmed. Current status is CONFIRMED"
MAIL_FAILED: Final = "We could not send the mail just now. Please ask for a new code."
CODE_SENT: Final = "We have sent a new code."
CONFIRMED: Final = "Your account is confirmed. Please sign in."
PASSWORD_CHANGED: Final = "Your password is changed. Please sign in."  # noqa: S105 - a text

SIGN_IN_WRONG: Final = "Incorrect username or password."
SIGN_IN_LOCKED: Final = "Password attempts exceeded"
USER_DISABLED: Final = "User is disabled."
RESET_REQUIRED: Final = "Password reset required for the user"
FORM_STALE: Final = "This form has expired. Please try again."

PAGE_ERROR: Final = "An error was encountered with the requested page."
REDIRECT_URI_MISSING: Final = "Required String parameter 'redirect_uri' is not present"
CLIENT_ID_MISSING: Final = "Required String parameter 'client_id' is not present"

USERINFO_BAD_REQUEST: Final = "Bad OAuth2 request at UserInfo Endpoint"
USERINFO_BAD_TOKEN: Final = "Access token is expired, disabled, or deleted, or the user has globally signed out."  # noqa: S105 - a text
USERINFO_NO_OPENID: Final = "Access token does not contain openid scope"

AUTH_MISSING: Final = "Missing Authentication Token"
BROWSER_CALL: Final = "Web pages may not call operations that need a signature."
HOST_FOREIGN: Final = "This host name is not served here."
OPERATION_UNKNOWN: Final = "The operation {} is not known."
OPERATION_LATER: Final = "The operation {} is not available yet."
NOT_YET: Final = "{} is not supported yet."
BAD_JSON: Final = "The request body is not a JSON object of the expected types."
BAD_PAGE_TOKEN: Final = "Invalid pagination token"  # noqa: S105 - a text
INTERNAL: Final = "The service failed; please try again."
TOO_LARGE: Final = "The request is too large."

HTTP_URL: Final = "{} cannot use the HTTP protocol."
BAD_URL: Final = "{} is not a valid URL."
FLOWS_AND_SCOPES: Final = "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows."
CREDENTIALS_FLOW: Final = "client_credentials flow can not be selected if client does not have a client secret."
FLOW_ALONE: Final = (
    "client_credentials flow can not be selected along with code flow or implicit flow."
)
SCOPE_MISSING: Final = "Invalid scope requested: {}"
PROVIDER_MISSING: Final = "The provider {} does not exist for User Pool {}"
WRITE_ATTRIBUTES: Final = "Invalid write attributes specified while creating a client"
READ_ATTRIBUTES: Final = "Invalid read attributes specified while creating a client"
AUTH_FLOWS_MIXED: Final = (
    "You cannot use ExplicitAuthFlows with both legacy and new values."
)
DEFAULT_REDIRECT: Final = (
    "Invalid DefaultRedirectURI. It should be part of CallbackURLs."
)
TOKEN_VALIDITY: Final = "Invalid range for token validity."  # noqa: S105 - a text
REFRESH_SHORTER: Final = (
    "Refresh token validity must not be shorter than that of access and ID tokens."
)
DOMAIN_TAKEN: Final = "Domain already associated with another user pool."
DOMAIN_SECOND: Final = "User pool already has a domain configured."
DOMAIN_RESERVED: Final = "Domain cannot contain reserved word: {}"
CUSTOM_REQUIRED: Final = "Required custom attributes are not supported currently."
STANDARD_TYPE: Final = "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute {}"
STRING_TOO_LONG: Final = (
    "user.{}: String attributes cannot have a length of more than 2048"
)
MAX_BELOW_MIN: Final = "user.{}: Max length cannot be less than min length."
FILTER_WRONG: Final = "Error while parsing filter"
FILTER_ATTRIBUTE: Final = "Invalid search attribute: {}"
ATTRIBUTES_MISSING: Final = "One or more requested attributes do not exist."

MAIL_SUBJECT: Final = "Your verification code"
MAIL_TEXT: Final = "Your verification code is {####}. "
RESET_MAIL_TEXT: Final = "Your password reset code is {####}. "
