CREATE TABLE store_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT store_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE store_records (
	store TEXT NOT NULL, 
	area INTEGER NOT NULL, 
	parent TEXT NOT NULL, 
	name TEXT NOT NULL, 
	leaf TEXT NOT NULL, 
	is_folder INTEGER NOT NULL, 
	classification TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	modified_at DOUBLE NOT NULL, 
	stored_at DOUBLE NOT NULL, 
	seq BIGINT NOT NULL, 
	rung INTEGER NOT NULL, 
	object_id TEXT NOT NULL, 
	object_size BIGINT NOT NULL, 
	binding BLOB NOT NULL, 
	mac BLOB NOT NULL, given TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (store, area, parent, name)
)
 WITHOUT ROWID

;
CREATE TABLE store_nodes (
	store TEXT NOT NULL, 
	parent TEXT NOT NULL, 
	digit TEXT NOT NULL, 
	total BLOB NOT NULL, 
	PRIMARY KEY (store, parent, digit)
)
 WITHOUT ROWID

;
CREATE TABLE store_heads (
	store TEXT NOT NULL, 
	store_id BLOB NOT NULL, 
	seq BIGINT NOT NULL, 
	files BIGINT NOT NULL, 
	size BIGINT NOT NULL, 
	total BLOB NOT NULL, 
	mac BLOB NOT NULL, 
	PRIMARY KEY (store)
);
CREATE TABLE store_uploads (
	store TEXT NOT NULL, 
	parent TEXT NOT NULL, 
	name TEXT NOT NULL, 
	object_id TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	rung INTEGER NOT NULL, 
	began_at DOUBLE NOT NULL, 
	header_size INTEGER NOT NULL, 
	size BIGINT NOT NULL, 
	binding BLOB NOT NULL, 
	mac BLOB NOT NULL, 
	PRIMARY KEY (store, parent, name)
)
 WITHOUT ROWID

;
CREATE INDEX store_records_leaf ON store_records (store, leaf);
CREATE INDEX store_records_object ON store_records (object_id);
CREATE INDEX store_uploads_object ON store_uploads (object_id);
