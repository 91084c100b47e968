CREATE TABLE identity_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT identity_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE identities (
	name TEXT NOT NULL, 
	added_at DOUBLE NOT NULL, marks TEXT, changed INTEGER, seal TEXT, 
	PRIMARY KEY (name)
);
CREATE TABLE identity_groups (
	identity TEXT NOT NULL, 
	name TEXT NOT NULL, mark TEXT, seal TEXT, 
	PRIMARY KEY (identity, name), 
	FOREIGN KEY(identity) REFERENCES identities (name) ON DELETE CASCADE
);
CREATE TABLE client_certificates (
	serial TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	not_before DOUBLE NOT NULL, 
	not_after DOUBLE NOT NULL, 
	revoked_at DOUBLE, mark TEXT, seal TEXT, 
	PRIMARY KEY (serial), 
	UNIQUE (fingerprint)
);
CREATE TABLE identity_trail (
	id INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	"by" TEXT NOT NULL, 
	action TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	detail TEXT NOT NULL, digest TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE ssh_keys (
	fingerprint TEXT NOT NULL, 
	algorithm TEXT NOT NULL, 
	public TEXT NOT NULL, 
	comment TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	added_at DOUBLE NOT NULL, 
	revoked_at DOUBLE, mark TEXT, seal TEXT, 
	PRIMARY KEY (fingerprint)
);
CREATE TABLE passwords (
	identity TEXT NOT NULL, 
	phc TEXT NOT NULL, 
	set_at DOUBLE NOT NULL, mark TEXT, seal TEXT, 
	PRIMARY KEY (identity), 
	FOREIGN KEY(identity) REFERENCES identities (name) ON DELETE CASCADE
);
CREATE TABLE identity_state (
	id INTEGER NOT NULL, 
	generation BIGINT NOT NULL, 
	password_rounds INTEGER NOT NULL, trail_id INTEGER, trail_digest TEXT, key_id TEXT, seal TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE identity_roles (
	identity TEXT NOT NULL, 
	name TEXT NOT NULL, mark TEXT, seal TEXT, 
	PRIMARY KEY (identity, name), 
	FOREIGN KEY(identity) REFERENCES identities (name) ON DELETE CASCADE
);
CREATE TABLE one_time_codes (
	identity TEXT NOT NULL, 
	sealed BLOB NOT NULL, 
	last_step BIGINT NOT NULL, 
	set_at DOUBLE NOT NULL, mark TEXT, seal TEXT, 
	PRIMARY KEY (identity), 
	FOREIGN KEY(identity) REFERENCES identities (name) ON DELETE CASCADE
);
CREATE TABLE recovery_codes (
	identity TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	used_at DOUBLE, mark TEXT, seal TEXT, 
	PRIMARY KEY (identity, digest), 
	FOREIGN KEY(identity) REFERENCES identities (name) ON DELETE CASCADE
);
CREATE TABLE user_handles (
	identity TEXT NOT NULL, 
	handle TEXT NOT NULL, mark TEXT, seal TEXT, 
	PRIMARY KEY (identity), 
	FOREIGN KEY(identity) REFERENCES identities (name) ON DELETE CASCADE, 
	UNIQUE (handle)
);
CREATE TABLE passkeys (
	id TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	public BLOB NOT NULL, 
	site TEXT NOT NULL, 
	label TEXT NOT NULL, 
	synced BOOLEAN NOT NULL, 
	sign_count BIGINT NOT NULL, 
	added_at DOUBLE NOT NULL, 
	used_at DOUBLE, 
	revoked_at DOUBLE, mark TEXT, seal TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE enrolments (
	digest TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	ends_at DOUBLE NOT NULL, mark TEXT, seal TEXT, 
	PRIMARY KEY (digest), 
	FOREIGN KEY(identity) REFERENCES identities (name) ON DELETE CASCADE
);
CREATE TABLE grants (
	id TEXT NOT NULL, 
	person TEXT NOT NULL, 
	asset TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	minutes INTEGER NOT NULL, 
	asked_by TEXT NOT NULL, 
	asked_at DOUBLE NOT NULL, 
	approver TEXT NOT NULL, 
	decided_by_actor TEXT NOT NULL, 
	approved_at DOUBLE, 
	denied_at DOUBLE, 
	ended_by TEXT NOT NULL, 
	ended_at DOUBLE, mark TEXT, seal TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE sign_ins (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	site TEXT NOT NULL, 
	proven TEXT NOT NULL, 
	started_at DOUBLE NOT NULL, 
	used_at DOUBLE NOT NULL, 
	ended_at DOUBLE, seal TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE provider_links (
	issuer TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	linked_at DOUBLE NOT NULL, 
	ended_at DOUBLE, mark TEXT, seal TEXT, 
	PRIMARY KEY (issuer, subject)
);
CREATE INDEX ix_client_certificates_identity ON client_certificates (identity);
CREATE INDEX ix_enrolments_identity ON enrolments (identity);
CREATE INDEX ix_grants_person ON grants (person);
CREATE INDEX ix_passkeys_identity ON passkeys (identity);
CREATE INDEX ix_provider_links_identity ON provider_links (identity);
CREATE INDEX ix_sign_ins_name ON sign_ins (name);
CREATE INDEX ix_ssh_keys_identity ON ssh_keys (identity);
CREATE INDEX trail_by_subject ON identity_trail (subject);
CREATE INDEX trail_by_time ON identity_trail (at);
