#!/usr/bin/env bash
# Writes the lock files anew from what the .in files and package.json files ask for, for a change of SDK versions.
set -euo pipefail
cd "$(dirname "$0")"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
unset PIP_FIND_LINKS # hashes are of the published files, not of copies that this machine may have
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check pip-tools==7.6.2
for wanted in python/locks/*.in; do
	CUSTOM_COMPILE_COMMAND=e2e/lock.sh "$tools/bin/pip-compile" --quiet --generate-hashes --strip-extras --allow-unsafe \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file "${wanted%.in}.txt" "$wanted"
done
for folder in node node4; do
	(cd "$folder" && npm install --package-lock-only --ignore-scripts --loglevel=error)
done
