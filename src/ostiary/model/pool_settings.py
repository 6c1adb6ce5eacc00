"""
A pool's and a client's settings in the API's own words, with its limits and defaults.

Foreign JSON becomes values here. Members that the API knows but that have no behaviour here
are not listed: the API layer refuses them instead of storing and ignoring them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    field_validator,
)

STANDARD_ATTRIBUTES: Final = (
    "sub",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "email_verified",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "phone_number_verified",
    "address",
    "updated_at",
)
VERIFIED_ATTRIBUTES: Final = frozenset({"email_verified", "phone_number_verified"})
STANDARD_SCOPES: Final = (
    "openid",
    "email",
    "phone",
    "profile",
    "aws.cognito.signin.user.admin",
)

Name = Annotated[
    str, Field(min_length=1, max_length=128, pattern=r"^[\w +=,.@-]+$", strict=True)
]
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1F\x7F]*$", strict=True)]
Text = Annotated[str, Field(strict=True)]
Uri = Annotated[
    str, Field(min_length=1, max_length=1024, pattern=r"^\S+$", strict=True)
]
Scope = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        pattern=r"^[\x21\x23-\x5B\x5D-\x7E]+$",
        strict=True,
    ),
]
AttributeName = Annotated[str, Field(min_length=1, max_length=2048, strict=True)]
MailText = Annotated[
    str,
    Field(
        min_length=6, max_length=20000, pattern=r"^[\s\S]*\{####\}[\s\S]*$", strict=True
    ),
]
MailSubject = Annotated[
    str, Field(min_length=1, max_length=140, pattern=r"^[^\r\n]+$", strict=True)
]
SmsText = Annotated[
    str,
    Field(
        min_length=6, max_length=140, pattern=r"^[\s\S]*\{####\}[\s\S]*$", strict=True
    ),
]


class Wire(BaseModel):
    """A shape of the API: frozen, and closed to members it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_wire(self) -> dict[str, Any]:  # Any: JSON
        """The members that are set, in the API's words."""
        return self.model_dump(mode="json", exclude_none=True)


class PasswordPolicyType(Wire):
    """What a new password must hold."""

    MinimumLength: Annotated[StrictInt, Field(ge=6, le=99)] = 8
    RequireUppercase: StrictBool = True
    RequireLowercase: StrictBool = True
    RequireNumbers: StrictBool = True
    RequireSymbols: StrictBool = True
    PasswordHistorySize: Annotated[StrictInt, Field(ge=0, le=24)] | None = None
    TemporaryPasswordValidityDays: Annotated[StrictInt, Field(ge=0, le=365)] = 7


class SignInPolicyType(Wire):
    """What a sign-in may begin with."""

    AllowedFirstAuthFactors: Annotated[
        tuple[Literal["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"], ...],
        Field(min_length=1, max_length=5),
    ] = ("PASSWORD",)


class PoliciesType(Wire):
    """The pool's policies."""

    PasswordPolicy: PasswordPolicyType = PasswordPolicyType()
    SignInPolicy: SignInPolicyType | None = None


class NumberConstraints(Wire):
    """Bounds of a number attribute, as texts."""

    MinValue: Text | None = None
    MaxValue: Text | None = None


class StringConstraints(Wire):
    """Bounds of a text attribute's length, as texts."""

    MinLength: Text | None = None
    MaxLength: Text | None = None


class SchemaAttribute(Wire):
    """One attribute of the pool's schema."""

    Name: Annotated[
        str, Field(min_length=1, max_length=20, pattern=r"^\S+$", strict=True)
    ]
    AttributeDataType: Literal["String", "Number", "DateTime", "Boolean"] | None = None
    DeveloperOnlyAttribute: StrictBool | None = None
    Mutable: StrictBool | None = None
    Required: StrictBool | None = None
    NumberAttributeConstraints: NumberConstraints | None = None
    StringAttributeConstraints: StringConstraints | None = None


class InviteMessageTemplateType(Wire):
    """Texts of the invitation."""

    SMSMessage: Text | None = None
    EmailMessage: Text | None = None
    EmailSubject: Line | None = None


class AdminCreateUserConfigType(Wire):
    """Whether people may sign themselves up."""

    AllowAdminCreateUserOnly: StrictBool = False
    UnusedAccountValidityDays: Annotated[StrictInt, Field(ge=0, le=365)] = 7
    InviteMessageTemplate: InviteMessageTemplateType | None = None


class UsernameConfigurationType(Wire):
    """Whether `Alice` and `alice` are two users."""

    CaseSensitive: StrictBool


class RecoveryMechanism(Wire):
    """One way to recover an account."""

    Priority: Annotated[StrictInt, Field(ge=1, le=2)]
    Name: Literal["verified_email", "verified_phone_number", "admin_only"]


class AccountRecoverySettingType(Wire):
    """The ways to recover an account, by priority."""

    RecoveryMechanisms: Annotated[
        tuple[RecoveryMechanism, ...], Field(min_length=1, max_length=2)
    ]


class EmailConfigurationType(Wire):
    """The sender. Mails leave through the node's mailer whatever stands here."""

    EmailSendingAccount: Literal["COGNITO_DEFAULT", "DEVELOPER"] = "COGNITO_DEFAULT"
    ReplyToEmailAddress: Line | None = None
    SourceArn: Line | None = None
    From: Line | None = None
    ConfigurationSet: Line | None = None


class SmsConfigurationType(Wire):
    """The sender of short messages. They leave through the node's mailer whatever stands here."""

    SnsCallerArn: Line
    ExternalId: Line | None = None
    SnsRegion: Line | None = None


class VerificationMessageTemplateType(Wire):
    """Subject and text of the mail with a code or a link."""

    SmsMessage: SmsText | None = None
    EmailMessage: MailText | None = None
    EmailSubject: MailSubject | None = None
    EmailMessageByLink: Text | None = None
    EmailSubjectByLink: MailSubject | None = None
    DefaultEmailOption: Literal["CONFIRM_WITH_CODE", "CONFIRM_WITH_LINK"] = (
        "CONFIRM_WITH_CODE"
    )


class UserAttributeUpdateSettingsType(Wire):
    """The attributes whose new value waits until its code has come back."""

    AttributesRequireVerificationBeforeUpdate: tuple[
        Literal["email", "phone_number"], ...
    ] = ()


class DeviceConfigurationType(Wire):
    """Whether devices are remembered, and whether a remembered one stands for a factor."""

    ChallengeRequiredOnNewDevice: StrictBool = False
    DeviceOnlyRememberedOnUserPrompt: StrictBool = False


class UserPoolAddOnsType(Wire):
    """Threat protection: kept as it was set; only OFF has a behaviour."""

    AdvancedSecurityMode: Literal["OFF", "AUDIT", "ENFORCED"]
    AdvancedSecurityAdditionalFlows: dict[str, str] | None = None


def _each_once(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(dict.fromkeys(values))


class PoolUpdate(Wire):
    """The members that UpdateUserPool replaces as a whole: what is left out reverts."""

    Policies: PoliciesType = PoliciesType()
    DeletionProtection: Literal["ACTIVE", "INACTIVE"] = "INACTIVE"
    AutoVerifiedAttributes: tuple[Literal["email", "phone_number"], ...] | None = None
    LambdaConfig: dict[str, Any] = Field(default_factory=dict)  # Any: JSON
    SmsVerificationMessage: SmsText | None = None
    EmailVerificationMessage: MailText | None = None
    EmailVerificationSubject: MailSubject | None = None
    SmsAuthenticationMessage: SmsText | None = None
    VerificationMessageTemplate: VerificationMessageTemplateType = (
        VerificationMessageTemplateType()
    )
    MfaConfiguration: Literal["OFF", "ON", "OPTIONAL"] = "OFF"
    UserAttributeUpdateSettings: UserAttributeUpdateSettingsType | None = None
    DeviceConfiguration: DeviceConfigurationType | None = None
    EmailConfiguration: EmailConfigurationType = EmailConfigurationType()
    SmsConfiguration: SmsConfigurationType | None = None
    UserPoolTags: dict[Text, Text] = Field(default_factory=dict)
    AdminCreateUserConfig: AdminCreateUserConfigType = AdminCreateUserConfigType()
    UserPoolAddOns: UserPoolAddOnsType | None = None
    AccountRecoverySetting: AccountRecoverySettingType | None = None
    UserPoolTier: Literal["LITE", "ESSENTIALS", "PLUS"] = "ESSENTIALS"

    _once = field_validator("AutoVerifiedAttributes")(_each_once)


class PoolSettings(PoolUpdate):
    """A pool's settings: the replaceable ones and those fixed at creation."""

    AliasAttributes: (
        tuple[Literal["email", "phone_number", "preferred_username"], ...] | None
    ) = None
    UsernameAttributes: tuple[Literal["email", "phone_number"], ...] | None = None
    UsernameConfiguration: UsernameConfigurationType | None = None
    Schema: tuple[SchemaAttribute, ...] = ()

    _names_once = field_validator("UsernameAttributes", "AliasAttributes")(_each_once)

    @property
    def has_email_names(self) -> bool:
        """Whether people sign in with their email address."""
        return "email" in (self.UsernameAttributes or ())

    @property
    def has_attribute_names(self) -> bool:
        """Whether a user's name is made here, and an attribute is what people sign in with."""
        return bool(self.UsernameAttributes)

    @property
    def is_case_sensitive(self) -> bool:
        """Whether sign-in names differ by case; so they do when nobody said otherwise."""
        return (
            self.UsernameConfiguration is None
            or self.UsernameConfiguration.CaseSensitive
        )

    @property
    def required_attributes(self) -> tuple[str, ...]:
        """The attributes a person must give at sign-up, in the schema's usual order."""
        asked = {a.Name for a in self.Schema if a.Required} - {"sub"}
        if self.UsernameAttributes == ("email",):
            asked.add("email")
        return tuple(name for name in STANDARD_ATTRIBUTES if name in asked)

    def login_key(self, name: str) -> str:
        """A sign-in name as this pool compares it."""
        trimmed = name.strip()
        return trimmed if self.is_case_sensitive else trimmed.casefold()

    def find_aliases(
        self, username: str, attributes: Mapping[str, str]
    ) -> tuple[str, ...]:
        """
        What a user may sign in with besides the login key.

        Where attributes are the names, each counts at once; an alias only when it is proven
        (cognito §3.10).
        """
        proven = [
            name
            for name in self.AliasAttributes or ()
            if name == "preferred_username"
            or attributes.get(f"{name}_verified") == "true"
        ]
        names = map(attributes.get, (*(self.UsernameAttributes or ()), *proven))
        keys = {self.login_key(name) for name in names if name}
        return tuple(sorted(keys - {self.login_key(username)}))


class MfaSettings(Wire):
    """What SetUserPoolMfaConfig keeps beside the pool's MfaConfiguration, in the API's words."""

    SmsMfaConfiguration: dict[str, Any] | None = None  # Any: JSON
    SoftwareTokenMfaConfiguration: dict[str, Any] | None = None  # Any: JSON
    EmailMfaConfiguration: dict[str, Any] | None = None  # Any: JSON
    WebAuthnConfiguration: dict[str, Any] | None = None  # Any: JSON

    @property
    def has_software_tokens(self) -> bool:
        """Whether authenticator apps may be a factor."""
        return bool((self.SoftwareTokenMfaConfiguration or {}).get("Enabled"))

    @property
    def has_factors(self) -> bool:
        """Whether there is any second factor that a person could use."""
        mailed = (self.SmsMfaConfiguration, self.EmailMfaConfiguration)
        return self.has_software_tokens or any(one is not None for one in mailed)


Unit = Literal["seconds", "minutes", "hours", "days"]
_UNIT_S: Final = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


class TokenValidityUnitsType(Wire):
    """Units of the three lifetimes."""

    AccessToken: Unit | None = None
    IdToken: Unit | None = None
    RefreshToken: Unit | None = None


class RefreshTokenRotationType(Wire):
    """Whether each refresh answers a new refresh token, and how long the old one still works."""

    Feature: Literal["ENABLED", "DISABLED"]
    RetryGracePeriodSeconds: Annotated[StrictInt, Field(ge=0, le=60)] = 0


class ClientSettings(Wire):
    """An app client's settings; UpdateUserPoolClient replaces them as a whole."""

    RefreshTokenValidity: Annotated[StrictInt, Field(ge=0, le=315360000)] = 30
    AccessTokenValidity: Annotated[StrictInt, Field(ge=1, le=86400)] | None = None
    IdTokenValidity: Annotated[StrictInt, Field(ge=1, le=86400)] | None = None
    TokenValidityUnits: TokenValidityUnitsType = TokenValidityUnitsType()
    ReadAttributes: tuple[AttributeName, ...] | None = None
    WriteAttributes: tuple[AttributeName, ...] | None = None
    ExplicitAuthFlows: (
        tuple[
            Literal[
                "ADMIN_NO_SRP_AUTH",
                "CUSTOM_AUTH_FLOW_ONLY",
                "USER_PASSWORD_AUTH",
                "ALLOW_ADMIN_USER_PASSWORD_AUTH",
                "ALLOW_CUSTOM_AUTH",
                "ALLOW_USER_PASSWORD_AUTH",
                "ALLOW_USER_SRP_AUTH",
                "ALLOW_REFRESH_TOKEN_AUTH",
                "ALLOW_USER_AUTH",
            ],
            ...,
        ]
        | None
    ) = None
    SupportedIdentityProviders: tuple[Text, ...] | None = None
    CallbackURLs: Annotated[tuple[Uri, ...], Field(max_length=100)] | None = None
    LogoutURLs: Annotated[tuple[Uri, ...], Field(max_length=100)] | None = None
    DefaultRedirectURI: Uri | None = None
    AllowedOAuthFlows: (
        Annotated[
            tuple[Literal["code", "implicit", "client_credentials"], ...],
            Field(max_length=3),
        ]
        | None
    ) = None
    AllowedOAuthScopes: Annotated[tuple[Scope, ...], Field(max_length=50)] | None = None
    AllowedOAuthFlowsUserPoolClient: StrictBool = False
    PreventUserExistenceErrors: Literal["LEGACY", "ENABLED"] | None = None
    EnableTokenRevocation: StrictBool = True
    EnablePropagateAdditionalUserContextData: StrictBool = False
    AuthSessionValidity: Annotated[StrictInt, Field(ge=3, le=15)] = 3
    RefreshTokenRotation: RefreshTokenRotationType | None = None

    _once = field_validator(
        "ReadAttributes",
        "WriteAttributes",
        "ExplicitAuthFlows",
        "SupportedIdentityProviders",
        "CallbackURLs",
        "LogoutURLs",
        "AllowedOAuthFlows",
        "AllowedOAuthScopes",
    )(_each_once)

    @property
    def rotates(self) -> bool:
        """Whether a refresh token is replaced when it is used."""
        rotation = self.RefreshTokenRotation
        return rotation is not None and rotation.Feature == "ENABLED"

    @property
    def hides_existence(self) -> bool:
        """Whether nobody may learn here who has an account."""
        return self.PreventUserExistenceErrors == "ENABLED"

    @property
    def access_token_s(self) -> int:
        """Lifetime of access tokens in seconds."""
        return _lifetime_s(
            self.AccessTokenValidity, self.TokenValidityUnits.AccessToken, "hours", 3600
        )

    @property
    def id_token_s(self) -> int:
        """Lifetime of ID tokens in seconds."""
        return _lifetime_s(
            self.IdTokenValidity, self.TokenValidityUnits.IdToken, "hours", 3600
        )

    @property
    def refresh_token_s(self) -> int:
        """Lifetime of refresh tokens in seconds; 0 stands for 30 days."""
        return _lifetime_s(
            self.RefreshTokenValidity or None,
            self.TokenValidityUnits.RefreshToken,
            "days",
            30 * 86400,
        )


def _lifetime_s(
    value: int | None, unit: Unit | None, usual: Unit, default_s: int
) -> int:
    return default_s if value is None else value * _UNIT_S[unit or usual]
