"""The part of the schema that is about identity providers of the organisation."""

from __future__ import annotations

from sealgate.config.setting import Section, Setting, Type

PROVIDER_SECTIONS: tuple[Section, ...] = (
    Section(
        "identity_provider",
        "An OpenID provider (OIDC) of the organisation: the sign-in pages offer it beside "
        "passwords and passkeys.",
        (
            Setting(
                "name",
                Type.TEXT,
                "Stands in the address that the provider sends people back to, "
                "`https://DOMAIN/.sealgate/oidc/NAME/callback`: small letters, digits and hyphens.",
                required=True,
            ),
            Setting("label", Type.TEXT, "What the button says.", "`name`"),
            Setting(
                "issuer",
                Type.TEXT,
                "The provider's own name, an https address; compared letter for letter.",
                required=True,
            ),
            Setting("client_id", Type.TEXT, "What the provider calls these sites.", required=True),
            Setting(
                "client_secret",
                Type.TEXT,
                "Where the client secret is, never what it is: `file:PATH` (readable by its owner "
                "only) or `credential:NAME` (systemd). Read anew at each sign-in.",
                required=True,
            ),
            Setting(
                "ca",
                Type.TEXT,
                "The authorities (PEM) that the provider is verified with.",
                "the system's",
            ),
            Setting(
                "user_claim",
                Type.TEXT,
                "What names the account at somebody's first sign-in: `sub` (never changes), "
                "`email` (only when the provider verified it) or `preferred_username`. From then "
                "on the account belongs to that `sub`.",
                '`"sub"`',
            ),
            Setting("groups_claim", Type.TEXT, "The claim that lists groups.", '`"groups"`'),
            Setting(
                "groups",
                Type.TABLE,
                'Groups at the provider and what they are here: `{ sso-staff = "staff" }`. '
                "Nothing else is taken over.",
                "none",
            ),
            Setting(
                "roles",
                Type.TABLE,
                'Groups at the provider and the role that they give: `{ sso-leads = "approver" }`.',
                "none",
            ),
            Setting(
                "unknown_users",
                Type.TEXT,
                "Who has no account here: `refuse`, or `add` one.",
                '`"refuse"`',
            ),
            Setting(
                "counts_as_key",
                Type.TEXTS,
                'Values of `acr` or `amr` that are worth a key, such as `["acr:phr"]`. Without it '
                "a sign-in is worth a password (`low`).",
                "`[]`",
            ),
            Setting(
                "scopes",
                Type.TEXTS,
                "What is asked for besides `openid`.",
                "what `user_claim` needs",
            ),
        ),
        repeated=True,
    ),
)
