#!/bin/sh
# Installs the Debian packages this project needs, when they are missing.
#
# Needs root or sudo, and only when something is missing: a machine that has
# everything is left alone and never asked for a password. On a system without
# apt it names what to install and goes on if the programs are there.
set -eu

# program-or-file | Debian package | what for
requirements="
python3|python3|runs the build scripts, the simulators and the tests
python3 -m ensurepip|python3-venv|keeps the Python packages in build/venv, apart from the system's
gcc|gcc|compiles the MicroPython host image and the C tests
libc|libc6-dev|C headers for gcc
mosquitto|mosquitto|the MQTT broker that 'make run' and the tests publish to
ca-certificates|ca-certificates|lets pip verify the package index
"

present() {
    case $1 in
    "python3 -m ensurepip") python3 -c "import ensurepip, venv" 2>/dev/null ;;
    libc) echo "#include <stdio.h>" | gcc -E - >/dev/null 2>&1 ;;
    ca-certificates) test -e /etc/ssl/certs/ca-certificates.crt || ! command -v apt-get >/dev/null ;;
    *) PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" command -v "$1" >/dev/null ;;
    esac
}

missing=""
report=""
old_ifs=$IFS
IFS='
'
for line in $requirements; do
    probe=${line%%|*}
    rest=${line#*|}
    package=${rest%%|*}
    if ! present "$probe"; then
        missing="$missing $package"
        report="$report    $package: ${rest#*|}
"
    fi
done
IFS=$old_ifs

[ -n "$missing" ] || exit 0

printf 'System packages missing:\n%s' "$report"
if ! command -v apt-get >/dev/null; then
    echo "This system has no apt-get: install the above by its own package manager, then run make again." >&2
    exit 1
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Installing them needs root: run 'apt-get install$missing' as root, then run make again." >&2
        exit 1
    fi
    as_root="sudo"
fi
echo "Installing them with apt-get."
$as_root apt-get update -qq
# policy-rc.d is not touched: on a machine with systemd the mosquitto service may
# start on port 1883; 'make run' uses a broker of its own on a free port.
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
