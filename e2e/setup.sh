#!/usr/bin/env bash
# Makes the environments of the SDK programs and prints one line "name folder" for each.
#
# Each lies in the user's cache under the hash of its lock file, so a second run only prints, and a changed lock file
# makes a new one. An environment is built beside its place and moved there whole: a run that is cut off leaves nothing
# half made, and two runs at once do not disturb each other.
set -euo pipefail
cd "$(dirname "$0")"

if [ -n "${XDG_CACHE_HOME:-}" ]; then cache=$XDG_CACHE_HOME
elif [ "$(uname -s)" = Darwin ]; then cache=$HOME/Library/Caches
else cache=$HOME/.cache
fi
cache=$cache/everpoint/test
mkdir -p "$cache"

for program in python3 node npm; do
	command -v "$program" >/dev/null || { echo "e2e/setup.sh: $program is missing. Install it with: apt-get install ${program/node/nodejs}" >&2; exit 1; }
done

hash() { # of the standard input
	python3 -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])'
}

# make NAME COMMAND: unless the environment NAME, of the files on the standard input, is there, COMMAND makes it in the
# folder that is its argument.
make() {
	local name=$1 command=$2 folder making
	folder=$cache/sdk-$name-$(hash)
	if [ ! -d "$folder" ]; then
		echo "e2e/setup.sh: making the environment $name" >&2
		making=$(mktemp -d "$cache/making-$name-XXXXXX")
		if ! "$command" "$name" "$making" >&2; then
			rm -rf "$making"
			echo "e2e/setup.sh: the environment $name could not be made, see above" >&2
			exit 1
		fi
		if [ -d "$folder" ]; then rm -rf "$making"; else mv "$making" "$folder"; fi
	fi
	echo "$name $folder"
}

make_python() {
	python3 -m venv "$2"
	"$2/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "python/locks/$1.txt"
}

make_node() {
	cp "$1/package.json" "$1/package-lock.json" "$1/.npmrc" "$2/"
	(cd "$2" && npm ci --ignore-scripts --loglevel=error)
}

version=$(python3 --version)
for lock in python/locks/*.txt; do
	name=$(basename "$lock" .txt)
	make "$name" make_python < <(echo "$version"; cat "$lock")
done
version=$(node --version)
for name in node node4; do
	make "$name" make_node < <(echo "$version"; cat "$name/package.json" "$name/package-lock.json" "$name/.npmrc")
done
