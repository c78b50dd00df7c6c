#!/usr/bin/env bash
# need.sh NAME...: says in one line each which of the tools that are needed are missing and which command installs them.
set -euo pipefail

install_with() { # package on Debian, on Fedora, on Homebrew
  if command -v apt-get >/dev/null; then
    echo "sudo apt-get install $1"
  elif command -v dnf >/dev/null; then
    echo "sudo dnf install $2"
  elif command -v brew >/dev/null; then
    echo "brew install $3"
  else
    echo "your system's package manager (the package is $1)"
  fi
}

at_least() { # at_least HAVE WANT: compares dotted numbers
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

missing=0
need() { # need MESSAGE
  echo "$1" >&2
  missing=1
}

for tool in "$@"; do
  case $tool in
  go)
    # go.mod asks for 1.26; a Go from 1.21 on would fetch that by itself where it is allowed to.
    if ! command -v go >/dev/null; then
      need "Go 1.26 or later is missing. Install it: https://go.dev/dl, or $(install_with golang golang go)"
    elif ! have=$(go env GOVERSION 2>/dev/null) || ! at_least "${have#go}" 1.26; then
      need "Go is ${have:-too old}; 1.26 or later is needed. Install it: https://go.dev/dl, or $(install_with golang golang go)"
    fi
    ;;
  python)
    if ! command -v python3 >/dev/null; then
      need "Python 3 is missing. Install it: $(install_with 'python3 python3-venv' python3 python)"
    elif ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
      need "Python is $(python3 -V 2>&1 | cut -d' ' -f2); 3.10 or later is needed. Install it: $(install_with python3 python3 python)"
    elif ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
      need "Python's venv is missing. Install it: $(install_with python3-venv python3 python)"
    fi
    ;;
  node)
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
      need "Node.js with npm is missing. Install it: $(install_with 'nodejs npm' nodejs node)"
    elif ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'; then
      need "Node.js is $(node --version); 20 or later is needed. Install it: https://nodejs.org, or $(install_with nodejs nodejs node)"
    fi
    ;;
  make)
    command -v make >/dev/null || need "make is missing. Install it: $(install_with make make make)"
    ;;
  *)
    need "need.sh does not know $tool"
    ;;
  esac
done
exit "$missing"
