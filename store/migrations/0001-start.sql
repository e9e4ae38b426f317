-- The database of a realm.  Rules that must hold whatever the program does stand here: what is
-- revoked stays revoked, what was used stays used, and the log only grows.
--
-- States are the numbers of the enums in store/store.h.  Times are seconds since 1970; 0: not yet.

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- ---- devices

CREATE TABLE device (
    serial TEXT NOT NULL PRIMARY KEY,
    product TEXT NOT NULL,
    manufacturer TEXT NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
    added_at INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL,
    revoked_reason TEXT NOT NULL,
    newest_cert INTEGER NOT NULL DEFAULT 0 -- 0: none; the ones before it follow cert.previous
) STRICT, WITHOUT ROWID;

-- So that asking how many does not read every device.
CREATE TABLE device_count (
    state INTEGER NOT NULL PRIMARY KEY,
    n INTEGER NOT NULL CHECK (n >= 0)
) STRICT;
INSERT INTO device_count VALUES (0, 0), (1, 0), (2, 0);

CREATE TRIGGER device_added AFTER INSERT ON device BEGIN
    UPDATE device_count SET n = n + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER device_changed AFTER UPDATE OF state ON device WHEN OLD.state <> NEW.state BEGIN
    UPDATE device_count SET n = n - 1 WHERE state = OLD.state;
    UPDATE device_count SET n = n + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER device_stays_revoked BEFORE UPDATE ON device WHEN OLD.state = 2 BEGIN
    SELECT RAISE(ABORT, 'a revoked device stays as it is');
END;
CREATE TRIGGER device_back BEFORE UPDATE ON device WHEN NEW.state < OLD.state BEGIN
    SELECT RAISE(ABORT, 'a device does not go back to an earlier state');
END;
CREATE TRIGGER device_kept BEFORE DELETE ON device BEGIN
    SELECT RAISE(ABORT, 'devices are not deleted');
END;

-- ---- manufacturers

CREATE TABLE manufacturer (
    name TEXT NOT NULL PRIMARY KEY,
    cert BLOB NOT NULL UNIQUE,
    added_at INTEGER NOT NULL
) STRICT;

-- ---- tickets

CREATE TABLE ticket (
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    serial TEXT NOT NULL REFERENCES device,
    made_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER ticket_used_once BEFORE UPDATE ON ticket
    WHEN OLD.used_at <> 0 OR NEW.used_at = 0 OR NEW.hash <> OLD.hash OR NEW.serial <> OLD.serial
        OR NEW.expires_at <> OLD.expires_at BEGIN
    SELECT RAISE(ABORT, 'a ticket is used once and otherwise stays as it is');
END;
CREATE TRIGGER ticket_kept BEFORE DELETE ON ticket BEGIN
    SELECT RAISE(ABORT, 'tickets are not deleted');
END;

-- ---- certificates

-- In order of issue; no id is missing, so the largest is the count.
CREATE TABLE cert (
    id INTEGER PRIMARY KEY,
    fingerprint BLOB NOT NULL UNIQUE CHECK (length(fingerprint) = 32),
    serial TEXT NOT NULL,
    spki_id BLOB NOT NULL CHECK (length(spki_id) = 32),
    device TEXT REFERENCES device, -- NULL: a server's
    profile INTEGER NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    previous INTEGER NOT NULL, -- the device's certificate before this; 0: none
    der BLOB NOT NULL
) STRICT;
CREATE INDEX cert_of_key ON cert (spki_id);
CREATE INDEX cert_of_server ON cert (id) WHERE device IS NULL;
CREATE INDEX cert_revoked ON cert (not_after) WHERE state = 3;

-- Instead of an index by device, which would cost each enrolment one more page far from the others.
-- A revoked device does not change, so it gets no certificate either.
CREATE TRIGGER cert_is_newest AFTER INSERT ON cert WHEN NEW.device IS NOT NULL BEGIN
    UPDATE device SET newest_cert = NEW.id WHERE serial = NEW.device;
END;
CREATE TRIGGER cert_stays_revoked BEFORE UPDATE ON cert WHEN OLD.state = 3 BEGIN
    SELECT RAISE(ABORT, 'a revoked certificate stays as it is');
END;
CREATE TRIGGER cert_back BEFORE UPDATE ON cert WHEN NEW.state < OLD.state BEGIN
    SELECT RAISE(ABORT, 'a certificate does not go back to an earlier state');
END;
CREATE TRIGGER cert_is_fixed BEFORE UPDATE OF id, fingerprint, serial, spki_id, device, profile,
        not_before, not_after, issued_at, previous, der ON cert BEGIN
    SELECT RAISE(ABORT, 'a certificate does not change');
END;
CREATE TRIGGER cert_kept BEFORE DELETE ON cert BEGIN
    SELECT RAISE(ABORT, 'certificates are not deleted');
END;

CREATE TABLE crl (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL,
    next_update INTEGER NOT NULL,
    der BLOB NOT NULL
) STRICT;

-- ---- operators

CREATE TABLE operator (
    name TEXT NOT NULL PRIMARY KEY,
    fingerprint BLOB NOT NULL UNIQUE CHECK (length(fingerprint) = 32),
    revoked INTEGER NOT NULL CHECK (revoked IN (0, 1)),
    added_at INTEGER NOT NULL,
    cert BLOB NOT NULL
) STRICT;

CREATE TRIGGER operator_only_revoked BEFORE UPDATE ON operator
    WHEN NEW.revoked < OLD.revoked OR NEW.name <> OLD.name OR NEW.fingerprint <> OLD.fingerprint
        OR NEW.cert <> OLD.cert BEGIN
    SELECT RAISE(ABORT, 'an operator may only be revoked');
END;
CREATE TRIGGER operator_kept BEFORE DELETE ON operator BEGIN
    SELECT RAISE(ABORT, 'operators are not deleted');
END;

-- ---- releases

CREATE TABLE release (
    id TEXT NOT NULL PRIMARY KEY,
    product TEXT NOT NULL,
    version TEXT NOT NULL,
    security_counter INTEGER NOT NULL,
    format TEXT NOT NULL,
    image_digest BLOB NOT NULL CHECK (length(image_digest) = 32),
    image_size INTEGER NOT NULL,
    proposer TEXT NOT NULL,
    state INTEGER NOT NULL CHECK (state IN (0, 1)),
    proposed_at INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    statement BLOB NOT NULL,
    proposal BLOB NOT NULL,
    signature BLOB CHECK ((signature IS NOT NULL) = (state = 1))
) STRICT;
CREATE INDEX release_published ON release (product, security_counter) WHERE state = 1;

CREATE TRIGGER release_published_once BEFORE UPDATE ON release
    WHEN OLD.state <> 0 OR NEW.state <> 1 BEGIN
    SELECT RAISE(ABORT, 'a release is published once and otherwise stays as it is');
END;
CREATE TRIGGER release_is_fixed BEFORE UPDATE OF id, product, version, security_counter, format,
        image_digest, image_size, proposer, proposed_at, statement, proposal ON release BEGIN
    SELECT RAISE(ABORT, 'what was proposed does not change');
END;
CREATE TRIGGER release_kept BEFORE DELETE ON release BEGIN
    SELECT RAISE(ABORT, 'releases are not deleted');
END;

CREATE TABLE approval (
    release TEXT NOT NULL REFERENCES release,
    operator TEXT NOT NULL,
    at INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    PRIMARY KEY (release, operator)
) STRICT;

CREATE TRIGGER approval_is_fixed BEFORE UPDATE ON approval BEGIN
    SELECT RAISE(ABORT, 'an approval does not change');
END;
CREATE TRIGGER approval_kept BEFORE DELETE ON approval BEGIN
    SELECT RAISE(ABORT, 'approvals are not deleted');
END;

-- ---- the audit log

CREATE TABLE log (
    seq INTEGER PRIMARY KEY,
    leaf BLOB NOT NULL CHECK (length(leaf) = 32),
    act TEXT NOT NULL,
    object TEXT NOT NULL,
    entry BLOB NOT NULL
) STRICT;
-- What devices do fills the log and is not looked up by name; all else is.
CREATE INDEX log_of_object ON log (object, act) WHERE act NOT GLOB 'device.*';

CREATE TRIGGER log_has_no_gap BEFORE INSERT ON log
    WHEN NEW.seq <> (SELECT coalesce(max(seq) + 1, 0) FROM log) BEGIN
    SELECT RAISE(ABORT, 'a log entry takes the next number');
END;
CREATE TRIGGER log_is_fixed BEFORE UPDATE ON log BEGIN
    SELECT RAISE(ABORT, 'a log entry does not change');
END;
CREATE TRIGGER log_kept BEFORE DELETE ON log BEGIN
    SELECT RAISE(ABORT, 'log entries are not deleted');
END;

-- Hashes of the tree, 256 a row (C2SP tlog-tiles), level 1 and up; the last row of a level grows.
CREATE TABLE tile (
    level INTEGER NOT NULL CHECK (level BETWEEN 1 AND 7),
    n INTEGER NOT NULL,
    hashes BLOB NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0),
    PRIMARY KEY (level, n)
) STRICT;

CREATE TRIGGER tile_only_grows BEFORE UPDATE ON tile
    WHEN NEW.level <> OLD.level OR NEW.n <> OLD.n OR length(NEW.hashes) <= length(OLD.hashes)
        OR substr(NEW.hashes, 1, length(OLD.hashes)) <> OLD.hashes BEGIN
    SELECT RAISE(ABORT, 'a tile only grows');
END;
CREATE TRIGGER tile_kept BEFORE DELETE ON tile BEGIN
    SELECT RAISE(ABORT, 'tiles are not deleted');
END;

CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    note BLOB NOT NULL
) STRICT;

CREATE TRIGGER checkpoint_only_grows BEFORE INSERT ON checkpoint
    WHEN NEW.size <= (SELECT max(size) FROM checkpoint)
        OR NEW.size > (SELECT coalesce(max(seq) + 1, 0) FROM log) BEGIN
    SELECT RAISE(ABORT, 'a checkpoint is larger than the one before and not larger than the log');
END;
CREATE TRIGGER checkpoint_is_fixed BEFORE UPDATE ON checkpoint BEGIN
    SELECT RAISE(ABORT, 'a checkpoint does not change');
END;
CREATE TRIGGER checkpoint_kept BEFORE DELETE ON checkpoint BEGIN
    SELECT RAISE(ABORT, 'checkpoints are not deleted');
END;
