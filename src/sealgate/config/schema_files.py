"""The part of the schema that is about files: drops, tunnels and the keys that seal."""

from __future__ import annotations

from sealgate.config.setting import Section, Setting, Type

FILE_SECTIONS: tuple[Section, ...] = (
    Section(
        "drop",
        "A folder served over SFTP and FTPS, with one class for everything in it.",
        (
            Setting(
                "name",
                Type.TEXT,
                "Names the drop everywhere; its folder as clients see it.",
                required=True,
            ),
            Setting("class", Type.TEXT, "The class of what lies in it.", required=True),
            Setting(
                "store",
                Type.TEXT,
                "`file:FOLDER` or `s3://bucket/prefix`; nothing else may lie there.",
                required=True,
            ),
            Setting(
                "admit", Type.TEXTS, "Who may come in: `user:NAME`, `group:NAME`.", required=True
            ),
            Setting("read", Type.TEXTS, "Who of them may read files.", "all of them"),
            Setting("write", Type.TEXTS, "Who of them may store files.", "all of them"),
            Setting("list", Type.TEXTS, "Who of them may list folders.", "all of them"),
            Setting(
                "delete", Type.TEXTS, "Who of them may delete, rename, overwrite.", "all of them"
            ),
            Setting(
                "quota",
                Type.TEXT,
                'How much fits: `"10 GiB"`, `"500 MB"`, or bytes.',
                "what the store holds",
            ),
            Setting("max_file_size", Type.TEXT, "The largest file, as `quota`.", "`quota`"),
            Setting(
                "retention_days",
                Type.INTEGER,
                "Days after the upload that a file is removed.",
                "kept",
            ),
            Setting(
                "file_names",
                Type.TEXTS,
                'Patterns of which a file\'s name must match one, such as `["*.csv"]`.',
                "any name",
            ),
            Setting(
                "on_mismatch",
                Type.TEXT,
                "What happens to an upload that is found to be of a stricter class: `record`, "
                "`quarantine` or `refuse`.",
                '`"record"`',
            ),
            Setting(
                "recipients",
                Type.TEXTS,
                "age recipients that every file is sealed for. Post-quantum ones (`age1pq1…`) are "
                "required where the class demands `highly encrypted` at rest.",
                "the site's key",
            ),
            Setting(
                "older_clients",
                Type.TEXTS,
                "Algorithms of SSH that partners with older software need, of "
                "`ecdh-sha2-nistp256`, `-nistp384`, `-nistp521`, `aes256-ctr`, `aes192-ctr`, "
                "`aes128-ctr`; not where the class demands `highly encrypted` in transit.",
                "none",
            ),
        ),
        repeated=True,
    ),
    Section(
        "tunnel",
        "A service reached through SSH (`ssh -L`), with a class of its own.",
        (
            Setting("name", Type.TEXT, "Names the tunnel everywhere.", required=True),
            Setting("class", Type.TEXT, "The class of what it leads to.", required=True),
            Setting(
                "target",
                Type.TEXT,
                "The service as the client names it: `127.0.0.1:5432`, `[::1]:5432`, "
                "`db.example:5432`.",
                required=True,
            ),
            Setting("admit", Type.TEXTS, "As in `[[drop]]`.", required=True),
        ),
        repeated=True,
    ),
    Section(
        "keys",
        "How the site's sealing keys are kept.",
        (
            Setting(
                "protection",
                Type.TEXT,
                "`file` (readable: sealed files are worth `protected` only), `passphrase`, "
                "`credential` (systemd), `vault` (Vault or OpenBao, transit engine) or `aws-kms`.",
                '`"file"`',
            ),
            Setting(
                "key",
                Type.TEXT,
                "The key's name: `MOUNT/KEY` in Vault; id, ARN or alias in AWS KMS; the systemd "
                "credential (`sealgate-keys`).",
                "none",
            ),
            Setting(
                "address",
                Type.TEXT,
                "Vault's URL (https), or an endpoint instead of AWS's own.",
                "none",
            ),
            Setting(
                "recovery",
                Type.TEXTS,
                "age recipients that every file is sealed for as well, but those of a class that "
                "demands `highly encrypted` at rest.",
                "none",
            ),
        ),
    ),
)
