-- +goose Up
CREATE TABLE projects (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    is_default BOOLEAN NOT NULL,
    created_at BIGINT  NOT NULL
);
CREATE UNIQUE INDEX projects_default ON projects (is_default) WHERE is_default;

CREATE TABLE api_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    project_id TEXT    NOT NULL REFERENCES projects (id),
    name       TEXT    NOT NULL,
    lookup     BYTEA   NOT NULL,
    salt       BYTEA   NOT NULL,
    hash       BYTEA   NOT NULL,
    hint       TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX api_keys_lookup ON api_keys (lookup);
CREATE INDEX api_keys_project ON api_keys (project_id, created_at, id);

-- +goose Down
DROP TABLE api_keys;
DROP TABLE projects;
