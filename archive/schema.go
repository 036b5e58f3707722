package archive

// The number in a file's header that says what it is, "okcA", and the version of the schema below. A change of the schema
// that an older program cannot read raises the version.
const (
	applicationID = 0x6f6b6341
	schemaVersion = 1
)

// schemaTables holds what docs/archive.md tells of. Times are UTC with six digits of fraction, so that they sort as text
// and SQLite's date functions take them.
const schemaTables = `
CREATE TABLE archive (
	one        INTEGER PRIMARY KEY CHECK (one = 1),
	chatbot_id TEXT NOT NULL,
	gap_since  TEXT -- the start of the first run since which something may be missing, null where nothing is
) STRICT;

CREATE TABLE runs (
	started_at TEXT PRIMARY KEY NOT NULL,
	ended_at   TEXT, -- null where it was cut short
	new_only   INTEGER NOT NULL CHECK (new_only IN (0, 1)),
	state      TEXT, -- null for all
	since      TEXT, -- null for all
	pages      INTEGER NOT NULL DEFAULT 0,
	added      INTEGER NOT NULL DEFAULT 0,
	changed    INTEGER NOT NULL DEFAULT 0,
	gone       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE conversations (
	id                  TEXT PRIMARY KEY NOT NULL,
	chatbot_id          TEXT NOT NULL,
	created_at          TEXT NOT NULL,
	updated_at          TEXT NOT NULL,
	platform            TEXT NOT NULL,
	state               TEXT NOT NULL,
	active              INTEGER NOT NULL CHECK (active IN (0, 1)),
	is_human_mode       INTEGER NOT NULL CHECK (is_human_mode IN (0, 1)),
	migrated_data       INTEGER NOT NULL CHECK (migrated_data IN (0, 1)),
	sns_user_id         TEXT,
	user_id             TEXT,
	session_token       TEXT,
	voice_path          TEXT,
	last_message        TEXT,
	last_message_id     TEXT,
	last_message_sender TEXT,
	metadata            TEXT, -- JSON
	unknown             TEXT, -- JSON: the members that the contract does not know
	raw                 TEXT NOT NULL, -- JSON: all that came
	first_seen          TEXT NOT NULL, -- runs.started_at
	last_seen           TEXT NOT NULL, -- runs.started_at
	gone_at             TEXT -- runs.started_at of the run that missed it, null while it is in the list
) STRICT;
`

// schemaIndexes come last, as a table is filled faster without.
const schemaIndexes = `
CREATE INDEX conversations_by_created_at ON conversations (created_at);
CREATE INDEX conversations_by_platform ON conversations (platform, created_at);
CREATE INDEX conversations_by_state ON conversations (state, created_at);
CREATE INDEX conversations_by_user ON conversations (sns_user_id) WHERE sns_user_id IS NOT NULL;
CREATE INDEX conversations_gone ON conversations (gone_at) WHERE gone_at IS NOT NULL;

CREATE VIEW per_day AS
	SELECT substr(created_at, 1, 10) AS day, count(*) AS conversations, count(*) FILTER (WHERE gone_at IS NULL) AS listed
	FROM conversations GROUP BY day ORDER BY day;

CREATE VIEW per_platform AS
	SELECT platform, count(*) AS conversations, count(*) FILTER (WHERE gone_at IS NULL) AS listed
	FROM conversations GROUP BY platform ORDER BY conversations DESC, platform;

CREATE VIEW per_state AS
	SELECT state, count(*) AS conversations, count(*) FILTER (WHERE gone_at IS NULL) AS listed
	FROM conversations GROUP BY state ORDER BY conversations DESC, state;

CREATE VIEW open_conversations AS
	SELECT * FROM conversations WHERE active = 1 AND gone_at IS NULL ORDER BY created_at DESC;

CREATE VIEW messages AS
	SELECT id AS conversation_id, updated_at, platform, last_message_sender AS sender, last_message AS text
	FROM conversations WHERE last_message IS NOT NULL ORDER BY updated_at DESC;
`
