#!/usr/bin/env bash
# test.sh is "make test": everything that shows that the program works, on every database, with a real model and the
# official SDKs. What it needs and does not find it fetches into the user's cache folder; what it starts it ends.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need.sh go python node make

# The tests must not depend on how this user runs a server. Weights come from packages, which are there wherever pip is.
unset EVERPOINT_CONFIG EVERPOINT_DATA EVERPOINT_CACHE EVERPOINT_LISTEN EVERPOINT_BOOTSTRAP_KEY
export EVERPOINT_SOURCES=packages EVERPOINT_TEST_REAL=1 EVERPOINT_TEST_REQUIRE=1

began=$SECONDS passed=0 now="looking for tools" fetching="" work=$(mktemp -d)

step() { # step NAME COMMAND...: the name is what the summary says when the command fails
	now=$1
	shift
	printf '\n=== %s (after %ds)\n' "$now" $((SECONDS - began))
	"$@"
	passed=$((passed + 1))
}

# finish runs however the script ends.
finish() {
	local code=$?
	trap - EXIT
	if [ -n "$fetching" ]; then kill -- "-$fetching" 2>/dev/null || true; fi
	scripts/postgres.sh stop || true
	rm -rf "$work"
	if [ "$code" != 0 ]; then
		printf '\nmake test: FAILED in the step "%s" after %ds\n%d passed, 1 failed\n' "$now" $((SECONDS - began)) "$passed"
	else
		printf '\nmake test: all of it passed in %ds\n%d passed, 0 failed\n' $((SECONDS - began)) "$passed"
	fi
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start_postgres() {
	local exports
	exports=$(scripts/postgres.sh start)
	eval "$exports"
}

# fetch_all brings what the later steps need. It waits for networks, so it runs beside those that wait for the processor.
fetch_all() {
	bin/everpoint engines install
	bin/everpoint models pull --small
	e2e/setup.sh
}

start_fetching() {
	set -m # a process group of its own, so that all of it can be ended
	fetch_all >"$work/fetch.log" 2>&1 </dev/null &
	fetching=$!
	set +m
}

end_fetching() {
	local code=0
	wait "$fetching" || code=$?
	fetching=""
	cat "$work/fetch.log"
	return "$code"
}

test_packages() {
	local packages
	packages=$(go list ./... | grep -v -e '/e2e$' -e '/eval$')
	if command -v "$(go env CC)" >/dev/null; then
		# shellcheck disable=SC2086 # a list of words
		CGO_ENABLED=1 go test -race -shuffle=on -timeout 20m $packages
	else
		echo "There is no C compiler, which the race detector needs: the tests run without it."
		# shellcheck disable=SC2086
		go test -shuffle=on -timeout 20m $packages
	fi
}

fuzz() {
	local file target
	grep -rn --include='*_test.go' -o '^func Fuzz[A-Za-z0-9]*' internal openai | sort | while IFS=: read -r file _ target; do
		target=${target#func }
		echo "$target in ${file%/*}"
		# A number, not a time: a run that a time ends is reported as failed now and then.
		go test -run '^$' -fuzz "^$target\$" -fuzztime 5000x "./${file%/*}"
	done
}

step "build" make build
step "start Postgres" start_postgres
step "fetch engine, models and SDKs, in the background" start_fetching
# Without the real parts, which are being fetched at this time and have their turn later.
step "check" env -u EVERPOINT_TEST_REAL -u EVERPOINT_TEST_REQUIRE -u EVERPOINT_TEST_POSTGRES CI= make check
step "engine, models and SDKs are here" end_fetching
step "every package with the race detector, SQLite and Postgres, the real model" test_packages
step "fuzz targets, 5000 inputs each" fuzz
step "end to end: the official SDKs and the real model" go test -count=1 -timeout 40m ./e2e/...
