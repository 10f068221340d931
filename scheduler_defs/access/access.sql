-- People, their logins, and API tokens. No secret is stored: passwords as argon2, everything else as SHA-256.

-- name: add_person
INSERT INTO signalbox.people (name, password_hash) VALUES (:name, :password_hash)
ON CONFLICT (name) DO NOTHING
RETURNING name;

-- name: set_password
UPDATE signalbox.people SET password_hash = :password_hash, changed_at = now() WHERE name = :name
RETURNING name;

-- name: remove_person
DELETE FROM signalbox.people WHERE name = :name RETURNING name;

-- name: people
SELECT name, created_at, changed_at, last_login FROM signalbox.people ORDER BY name;

-- name: password_hash
SELECT password_hash FROM signalbox.people WHERE name = :name;

-- name: logged_in
UPDATE signalbox.people SET last_login = now() WHERE name = :name;

-- name: open_session
INSERT INTO signalbox.web_sessions (digest, person, expires)
VALUES (:digest, :person, now() + make_interval(secs => :seconds));

-- name: session
SELECT person FROM signalbox.web_sessions WHERE digest = :digest AND expires > now();

-- name: close_session
DELETE FROM signalbox.web_sessions WHERE digest = :digest;

-- name: close_sessions_of
DELETE FROM signalbox.web_sessions WHERE person = :person RETURNING person;

-- name: forget_sessions
DELETE FROM signalbox.web_sessions WHERE expires < now();

-- name: add_token
INSERT INTO signalbox.api_tokens (name, digest, role, scope, created_by, expires)
VALUES (:name, :digest, :role, CAST(:scope AS jsonb), :created_by, :expires)
ON CONFLICT (name) DO NOTHING
RETURNING name;

-- name: token
SELECT name, role, scope FROM signalbox.api_tokens
WHERE digest = :digest AND (expires IS NULL OR expires > now());

-- name: token_used
-- At most once a minute, so that a busy token does not write with every request.
UPDATE signalbox.api_tokens SET last_used = now()
WHERE digest = :digest AND (last_used IS NULL OR last_used < now() - interval '1 minute');

-- name: tokens
SELECT name, role, scope, created_by, created_at, expires, last_used FROM signalbox.api_tokens ORDER BY name;

-- name: revoke_token
DELETE FROM signalbox.api_tokens WHERE name = :name RETURNING name;

-- name: open_oidc_session
-- One for each login that began: whoever brings the same answer again gets none.
INSERT INTO signalbox.oidc_sessions (digest, login, person, groups, issuer, subject, expires)
VALUES (:digest, :login, :person, :groups, :issuer, :subject, now() + make_interval(secs => :seconds))
ON CONFLICT (login) DO NOTHING
RETURNING person;

-- name: oidc_session
SELECT person, groups FROM signalbox.oidc_sessions
WHERE digest = :digest AND issuer = :issuer AND expires > now();

-- name: close_oidc_session
DELETE FROM signalbox.oidc_sessions WHERE digest = :digest;

-- name: close_oidc_sessions_of
DELETE FROM signalbox.oidc_sessions WHERE person = :person RETURNING person;

-- name: forget_oidc_sessions
-- Kept for as long as the answer that opened one could be brought again.
DELETE FROM signalbox.oidc_sessions
WHERE expires < now() AND created_at < now() - make_interval(secs => :seconds);
