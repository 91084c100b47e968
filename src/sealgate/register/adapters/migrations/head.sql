CREATE TABLE register_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT register_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE assets (
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	parent TEXT, 
	first_seen_at FLOAT NOT NULL, 
	last_seen_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE assessments (
	id INTEGER NOT NULL, 
	asset TEXT NOT NULL, 
	assessed_at FLOAT NOT NULL, 
	classification TEXT NOT NULL, 
	computed TEXT NOT NULL, 
	details JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(asset) REFERENCES assets (id)
);
CREATE TABLE decisions (
	id INTEGER NOT NULL, 
	asset TEXT NOT NULL, 
	decided_at FLOAT NOT NULL, 
	classification TEXT NOT NULL, 
	"by" TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(asset) REFERENCES assets (id)
);
CREATE TABLE audits (
	id INTEGER NOT NULL, 
	audited_at FLOAT NOT NULL, 
	vantage TEXT NOT NULL, 
	met INTEGER NOT NULL, 
	open_findings INTEGER NOT NULL, 
	accepted INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE evidence (
	id INTEGER NOT NULL, 
	audit INTEGER NOT NULL, 
	sort TEXT NOT NULL, 
	asset TEXT NOT NULL, 
	details JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(audit) REFERENCES audits (id)
);
CREATE TABLE trail (
	seq INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	event TEXT NOT NULL, 
	"row" INTEGER NOT NULL, 
	content TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (seq)
);
CREATE TABLE trail_head (
	id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE transfers (
	id INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	action TEXT NOT NULL, 
	caller TEXT NOT NULL, 
	protocol TEXT NOT NULL, 
	peer TEXT NOT NULL, 
	version TEXT NOT NULL, 
	"group" TEXT NOT NULL, 
	cipher TEXT NOT NULL, 
	mac TEXT NOT NULL, 
	place TEXT NOT NULL, 
	classification TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	result TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	"key" TEXT NOT NULL, access INTEGER, grant TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE approvals (
	id INTEGER NOT NULL, 
	asset TEXT NOT NULL, 
	approved_at FLOAT NOT NULL, 
	item TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	"by" TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(asset) REFERENCES assets (id)
);
CREATE INDEX ix_approvals_asset ON approvals (asset);
CREATE INDEX ix_assessments_asset ON assessments (asset);
CREATE INDEX ix_decisions_asset ON decisions (asset);
CREATE INDEX ix_evidence_asset ON evidence (asset);
CREATE INDEX ix_evidence_audit ON evidence (audit);
CREATE INDEX ix_transfers_at ON transfers (at);
CREATE INDEX ix_transfers_caller ON transfers (caller);
