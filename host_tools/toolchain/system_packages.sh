#!/bin/sh
# Installs the Debian packages this project needs, when they are missing:
# system_packages.sh host for the host board, the simulators and their tests,
# system_packages.sh cross for images of microcontrollers, and QEMU to run them.
#
# Needs root or sudo, and only when something is missing: a machine that has
# everything is left alone and never asked for a password. On a system without
# apt it names what to install and goes on if the programs are there.
set -eu

# program-or-file | Debian package | what for
requirements_host="
python3|python3|runs the build scripts, the simulators and the tests
python3 -m ensurepip|python3-venv|keeps the Python packages in build/venv, apart from the system's
gcc|gcc|compiles the MicroPython host image and the C tests
clang|clang|compiles the codec for the fuzzers
libFuzzer|libclang-rt-dev|the fuzzers and their sanitizers
valgrind|valgrind|counts the codec's instructions for 'make bench'
libc|libc6-dev|C headers for gcc
mosquitto|mosquitto|the MQTT broker that 'make run' and the tests publish to
ca-certificates|ca-certificates|lets pip verify the package index
"
requirements_cross="
arm-none-eabi-gcc|gcc-arm-none-eabi|compiles the image of the virtual board (Cortex-M3)
arm-none-eabi libc|libnewlib-arm-none-eabi|C library for it
qemu-system-arm|qemu-system-arm|runs that image
riscv64-unknown-elf-gcc|gcc-riscv64-unknown-elf|compiles the codec for RISC-V boards
riscv64-unknown-elf libc|picolibc-riscv64-unknown-elf|C library for it
"
case ${1:-} in
host) requirements=$requirements_host ;;
cross) requirements=$requirements_cross ;;
*)
    echo "usage: $0 host|cross" >&2
    exit 2
    ;;
esac

present() {
    case $1 in
    "python3 -m ensurepip") python3 -c "import ensurepip, venv" 2>/dev/null ;;
    "arm-none-eabi libc") test -e "$(arm-none-eabi-gcc -print-file-name=nano.specs 2>/dev/null)" ;;
    "riscv64-unknown-elf libc")
        test -e "$(riscv64-unknown-elf-gcc -print-file-name=picolibc.specs 2>/dev/null)" ;;
    libFuzzer)
        echo "int LLVMFuzzerTestOneInput(void) { return 0; }" |
            clang -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null ;;
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
