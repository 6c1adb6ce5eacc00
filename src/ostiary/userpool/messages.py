"""
Every text of the API and the hosted pages that clients or tests may compare.

One place, so that a correction from a live capture is one line. `{}` are filled by callers.
"""
# ruff: noqa: S105 - texts about passwords and tokens, not passwords and tokens

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
ATTRIBUTE_UNKNOWN: Final = "Type for attribute {{{}}} could not be determined"
ATTRIBUTE_FIXED: Final = "user.{}: Attribute cannot be updated.\n"
WRITE_UNAUTHORIZED: Final = "A client attempted to write unauthorized attribute"
NOT_A_NUMBER: Final = (
    "Attributes did not conform to the schema: {}: The value must be a number\n"
)
PREFERRED_WRONG: Final = "preferred_username cannot be of email or phone number format, since user pool is configured for such an alias."
NOT_A_TEXT: Final = "Attributes did not conform to the schema: {}: The value is not a text that can be kept\n"
NOT_A_BOOLEAN: Final = (
    "Attributes did not conform to the schema: {}: The value must be true or false\n"
)
TEXT_LONG: Final = "Attributes did not conform to the schema: {}: String must be no longer than {} characters\n"
TEXT_SHORT: Final = "Attributes did not conform to the schema: {}: String must be no shorter than {} characters\n"
NUMBER_LARGE: Final = (
    "Attributes did not conform to the schema: {}: Number must be at most {}\n"
)
NUMBER_SMALL: Final = (
    "Attributes did not conform to the schema: {}: Number must be at least {}\n"
)
PHONE_WRONG: Final = "Invalid phone number format."
USERNAME_WRONG: Final = "Username must have between 1 and 128 characters."
USERNAME_NOT_PHONE: Final = "Username should be a phone number."
USERNAME_NOT_EITHER: Final = "Username should be either an email or a phone number."
USERNAME_IS_EMAIL: Final = (
    "Username cannot be of email format, since user pool is configured for email alias."
)
USERNAME_IS_PHONE: Final = "Username cannot be of phone number format, since user pool is configured for phone number alias."
PHONE_EXISTS: Final = "An account with the given phone_number already exists."
ALIAS_EXISTS: Final = "An account with the {} already exists."
USER_EXISTS_ADMIN: Final = "User account already exists"
RESEND_WRONG: Final = "Resend not possible. {} status is not FORCE_CHANGE_PASSWORD"
STATUS_WRONG: Final = "User cannot be confirmed. Current status is {}"
COMBINATION_MISSING: Final = "Username/client id combination not found."
CONFIRMED_ALREADY: Final = "User is already confirmed."
NO_AUTO_VERIFICATION: Final = "Cannot resend codes. Auto verification not turned on."
NO_RECOVERY: Final = "Cannot reset password for the user as there is no registered/verified email or phone_number"
RESET_STATE: Final = "User password cannot be reset in the current state."
RESET_BY_ADMIN: Final = "Contact administrator to reset password."
DISABLED_SHORT: Final = "User is disabled"
NOT_CONFIRMED: Final = "User is not confirmed."
TEMPORARY_EXPIRED: Final = (
    "Temporary password has expired and must be reset by an administrator."
)
HISTORY: Final = "Password has previously been used"
SECRET_HASH_MISSING: Final = (
    "Client {} is configured with secret but SECRET_HASH was not received"
)
SECRET_HASH_WRONG: Final = "Unable to verify secret hash for client {}"
FLOW_DISABLED: Final[dict[str, str]] = {
    "USER_PASSWORD_AUTH": "USER_PASSWORD_AUTH flow not enabled for this client",
    "USER_SRP_AUTH": "USER_SRP_AUTH is not enabled for the client.",
}
FLOW_DISABLED_OTHER: Final = "Auth flow not enabled for this client"
FLOW_ADMIN: Final = "Initiate Auth method not supported"
PARAMETER_MISSING: Final = "Missing required parameter {}"
CUSTOM_UNCONFIGURED: Final = (
    "Custom auth lambda trigger is not configured for the user pool."
)
SESSION_WRONG: Final = "Invalid session for the user."
SESSION_EXPIRED: Final = "Invalid session for the user, session is expired."
SESSION_SPENT: Final = "Invalid session for the user, session can only be used once."
CODE_STATE: Final = "Invalid code or auth state for the user."
TOTP_WRONG: Final = "Invalid code received for user"
TOTP_USED: Final = "Your software token has already been used once."
TOTP_MISMATCH: Final = "Code mismatch"
TOTP_UNCONFIGURED: Final = "Software Token MFA has not been enabled by the userPool"
FACTOR_UNCONFIGURED: Final = "User does not have delivery config set to turn on {}"
SMS_UNCONFIGURED: Final = "User does not have a phone number to receive codes"
EMAIL_UNCONFIGURED: Final = "User does not have an email address to receive codes"
NEW_PASSWORD_ATTRIBUTE: Final = "Invalid attributes given, {} is missing"
NEW_PASSWORD_MODIFIED: Final = "Cannot modify an already provided {}"
NO_PASSWORD: Final = "User does not have a password"
DEVICE_MISSING: Final = "Device does not exist."
DEVICE_EXISTS: Final = "Device key already exists."
SRP_WRONG: Final = "SRP_A is not a number that proves anything."
MFA_MISSING: Final = "The user does not have this MFA method."
NOT_VERIFIABLE: Final = "The attribute cannot be verified."
NOTHING_TO_VERIFY: Final = "The user has no {} to verify."
PREFERRED_DISABLED: Final = "Invalid MFA preference: a preferred method must be enabled"
PREFERRED_TWICE: Final = "Invalid MFA preference: only one method can be preferred"
CLIENT_SECRET_WRONG: Final = "Unable to verify the client secret."
DEVICES_UNCONFIGURED: Final = "Devices are not remembered in this user pool."
DEVICE_SECRET_WRONG: Final = "Invalid device secret verifier configuration."
ATTRIBUTE_MISSING: Final = "user.{}: Attribute does not exist in the schema.\n"
USER_ATTRIBUTES_WRONG: Final = "Invalid user attributes: {}"
PASSKEYS_OFF: Final = "Passkeys are not enabled in this user pool."
PASSKEYS_UNCONFIGURED: Final = (
    "The user pool has neither a relying party id nor a domain."
)
PASSKEYS_MANY: Final = "The user has too many passkeys."
PASSKEY_ORIGIN: Final = "The page is not of the relying party."
PASSKEY_UNREADABLE: Final = "The credential is not one for this challenge."
PASSKEY_UNASKED: Final = "No registration of a passkey was begun."
PASSKEY_KNOWN: Final = "The passkey is registered already."
PASSKEY_MISSING: Final = "The passkey does not exist."
PASSKEY_WRONG: Final = "The passkey could not be verified."
SIGNATURE_FORM: Final = "The Authorization header is not an AWS4-HMAC-SHA256 signature."
SIGNATURE_DATE: Final = "Date must be in ISO-8601 'basic format'."
SIGNATURE_SCOPE: Final = "Credential should be scoped to the right date and service, and the host must be signed."
SIGNATURE_OLD: Final = "Signature expired or not yet valid."
SIGNATURE_UNKNOWN: Final = "The security token included in the request is invalid."
SIGNATURE_WRONG: Final = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method."
CHALLENGE_MISMATCH: Final = "Challenge name does not match the session."
ACCESS_TOKEN_WRONG: Final = "Invalid Access Token"
ACCESS_TOKEN_EXPIRED: Final = "Access Token has expired"
ACCESS_TOKEN_REVOKED: Final = "Access Token has been revoked"
ACCESS_TOKEN_SCOPES: Final = "Access Token does not have required scopes"
ACCESS_TOKEN_SIGNATURE: Final = "Could not verify signature for Access Token"
REFRESH_TOKEN_WRONG: Final = "Invalid Refresh Token"
REFRESH_TOKEN_EXPIRED: Final = "Refresh Token has expired"
REFRESH_TOKEN_REVOKED: Final = "Refresh Token has been revoked"
REFRESH_TOKEN_REUSED: Final = "Refresh token reuse detected"
REVOCATION_OFF: Final = "Token revocation is not enabled for this client."
TOKEN_NOT_REFRESH: Final = "The token is not a refresh token."
TOKEN_OF_ANOTHER: Final = "The token was issued to another client."
TRIGGER_REFUSED: Final = "{} failed with error {}."
TRIGGER_BROKEN: Final = "{} failed with {}"
TRIGGER_UNREADABLE: Final = "Unrecognizable lambda output"
EMAIL_WRONG: Final = "Invalid email address format."
USERNAME_NOT_EMAIL: Final = "Username should be an email."

CODE_WRONG: Final = "Invalid verification code provided, please try again."
CODE_EXPIRED: Final = "Invalid code provided, please request a code again."
TRIES_EXCEEDED: Final = "Attempt limit exceeded, please try after some time."
ALREADY_CONFIRMED: Final = "User cannot be confirmed. Current status is CONFIRMED"
MAIL_FAILED: Final = "We could not send the mail just now. Please ask for a new code."
CODE_SENT: Final = "We have sent a new code."
CONFIRMED: Final = "Your account is confirmed. Please sign in."
PASSWORD_CHANGED: Final = "Your password is changed. Please sign in."

SIGN_IN_WRONG: Final = "Incorrect username or password."
SIGN_IN_LOCKED: Final = "Password attempts exceeded"
USER_DISABLED: Final = "User is disabled."
RESET_REQUIRED: Final = "Password reset required for the user"
FORM_STALE: Final = "This form has expired. Please try again."

STEP_OVER: Final = (
    "This sign-in took too long or was tried too often. Please start again."
)
APP_CODE_WRONG: Final = "This is not the code that the app shows now. Please try again."
APP_CODE_USED: Final = "This code was used already. Please wait for the next one."
WAY_MISSING: Final = "Please choose one of these ways."
NO_CODE_WAY: Final = "No code can be sent to this account."

PAGE_ERROR: Final = "An error was encountered with the requested page."
PAGE_TOO_OFTEN: Final = (
    "Too many requests came at once, from your network or for this application. "
    "Wait a moment, then go back and try again. Nothing that you did before is lost."
)
REDIRECT_URI_MISSING: Final = "Required String parameter 'redirect_uri' is not present"
CLIENT_ID_MISSING: Final = "Required String parameter 'client_id' is not present"

USERINFO_BAD_REQUEST: Final = "Bad OAuth2 request at UserInfo Endpoint"
USERINFO_BAD_TOKEN: Final = "Access token is expired, disabled, or deleted, or the user has globally signed out."
USERINFO_NO_OPENID: Final = "Access token does not contain openid scope"

AUTH_MISSING: Final = "Missing Authentication Token"
BROWSER_CALL: Final = "Web pages may not call operations that need a signature."
HOST_FOREIGN: Final = "This host name is not served here."
OPERATION_UNKNOWN: Final = "The operation {} is not known."
OPERATION_LEFT_OUT: Final = "The operation {} is left out here: {}."
OPERATION_LATER: Final = "The operation {} is not available yet."
NOT_YET: Final = "{} is not supported yet."
LINE_END: Final = "{} must be one line."
ALIAS_AND_USERNAME: Final = (
    "Only one of the aliasAttributes or usernameAttributes can be set in a user pool."
)
RATE_EXCEEDED: Final = "Rate exceeded"
BAD_JSON: Final = "The request body is not a JSON object of the expected types."
BAD_PAGE_TOKEN: Final = "Invalid pagination token"
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
TOKEN_VALIDITY: Final = "Invalid range for token validity."
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
CONSTRAINTS_WRONG: Final = "Invalid {}AttributeConstraints for schema attribute {}"
MAX_VALUE_BELOW_MIN: Final = "user.{}: Max value cannot be less than min value."
MAX_BELOW_MIN: Final = "user.{}: Max length cannot be less than min length."
FILTER_WRONG: Final = "Error while parsing filter"
FILTER_ATTRIBUTE: Final = "Invalid search attribute: {}"
ATTRIBUTES_MISSING: Final = "One or more requested attributes do not exist."

MAIL_SUBJECT: Final = "Your verification code"
MAIL_TEXT: Final = "Your verification code is {####}. "
LINK_SUBJECT: Final = "Your verification link"
LINK_TEXT: Final = (
    "Please click the link below to verify your email address. {##Verify Email##} "
)
INVITE_SUBJECT: Final = "Your temporary password"
INVITE_TEXT: Final = "Your username is {username} and temporary password is {####}. "
SMS_TEXT: Final = "Your verification code is {####}. "
AUTHENTICATION_TEXT: Final = "Your authentication code is {####}. "
AUTHENTICATION_SUBJECT: Final = "Your authentication code"
RESET_MAIL_TEXT: Final = "Your password reset code is {####}. "

POOL_EXISTS: Final = "User pool {} already exists."
POOL_ID_WRONG: Final = "The tag _custom_id_ must be a user pool id of the region {}."
POOL_HAS_DOMAIN: Final = "User pool cannot be deleted. It has a domain configured that should be deleted first."
POOL_PROTECTED: Final = "The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first."
IMPORT_RUNS: Final = "A user import job is in progress for this user pool."
ARN_WRONG: Final = "{} is not the resource name of a user pool."
ATTRIBUTE_TYPE: Final = "Invalid AttributeDataType input, consider using the provided AttributeDataType enum."
ATTRIBUTE_EXISTS: Final = "custom:{}: Existing attribute already has name {}."
MFA_NEEDS_SMS: Final = "SMS configuration and Auto verification for phone_number are required when MFA is required/optional"
MFA_OFF_AND_ON: Final = (
    "Invalid MFA configuration given, can't turn off MFA and configure an MFA together."
)
MFA_NO_FACTOR: Final = "At least one of SmsMfaConfiguration, SoftwareTokenMfaConfiguration and EmailMfaConfiguration is required when MFA is required/optional."

ROTATION_FLOW: Final = "ALLOW_REFRESH_TOKEN_AUTH cannot be combined with refresh token rotation; use GetTokensFromRefreshToken."
SECRET_OF_PUBLIC: Final = (
    "The client has no secret; secrets are added to confidential clients only."
)
SECRETS_FULL: Final = "A client has at most two secrets; delete one first."
SECRET_LAST: Final = "The last secret of a client cannot be deleted."
SECRET_MISSING: Final = "Client secret {} does not exist."

DOMAIN_MISSING: Final = "The domain {} of user pool {} does not exist."
DOMAIN_PATTERN: Final = "1 validation error detected: Value '{}' at 'domain' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-z0-9](?:[a-z0-9\\-]{{0,61}}[a-z0-9])?$"
DOMAIN_NOT_OWN: Final = (
    "A custom domain must be a whole name of your own, such as auth.example.com."
)
DOMAIN_NOT_CUSTOM: Final = "CustomDomainConfig is for custom domains only."
LOGIN_VERSION: Final = "ManagedLoginVersion must be 1 or 2."

GROUP_EXISTS: Final = "A group with the name already exists."
GROUP_MISSING: Final = "Group not found."
GROUPS_FULL: Final = "A user is in at most {} groups."
SERVER_EXISTS: Final = "{} already exists in user pool {}."
SERVER_MISSING: Final = "Resource server {} does not exist."
SERVERS_FULL: Final = "A user pool has at most {} resource servers."
PROVIDER_EXISTS: Final = "A provider with the name {} already exists."
PROVIDER_RESERVED: Final = "The name {} stands for the user pool itself."
PROVIDER_UNKNOWN: Final = "Identity provider {} does not exist."
PROVIDER_DETAILS: Final = "Missing required provider details: {}"
PROVIDERS_FULL: Final = "A user pool has at most {} identity providers."
IDENTIFIER_TAKEN: Final = "The identifier {} belongs to another provider."

CSS_CLASS: Final = "The CSS class {} cannot be customized."
CSS_RULE: Final = "The CSS is not a list of plain rules; {} is not allowed."
IMAGE_WRONG: Final = "The image must be a PNG or JPEG of at most 100 KB."
BRANDING_EXISTS: Final = "The client has a managed login branding style already."
BRANDING_MISSING: Final = "Managed login branding {} does not exist."
VALUE_NULL: Final = "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null"
BRANDING_TWICE: Final = (
    "UseCognitoProvidedValues cannot be combined with Settings or Assets."
)
TERMS_EXISTS: Final = "The client has terms with the name {} already."
TERMS_MISSING: Final = "Terms {} do not exist."
RISK_OFF: Final = "Threat protection is not enabled for this user pool."
RANGE_WRONG: Final = "{} is not an IP address range."
LOG_TWICE: Final = "There are two log configurations for the event source {}."
LOG_DESTINATION: Final = "A log configuration needs exactly one destination."

JOB_MISSING: Final = "User import job {} does not exist."
JOB_NOT_CREATED: Final = "The user import job cannot be started: its status is {}."
JOB_NO_FILE: Final = (
    "The user import job cannot be started: no file was uploaded to its PreSignedUrl."
)
JOB_NOT_RUNNING: Final = "The user import job cannot be stopped: its status is {}."
JOB_ANOTHER: Final = "Another user import job is running."
