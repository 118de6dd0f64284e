"""Fetch the MicroPython sources (with lwIP and mbedTLS) that images are built from.

On Debian and its kin they come from the stable suite's source packages, through a private apt
configuration: own sources list on the machine's own mirror, own state folders, signatures checked
with the Debian keyring. Nothing of the system's apt is changed and root is not needed. Elsewhere
a shallow git clone of the upstream tag with the submodules the ports need.

Run before any virtual environment exists, so: standard library only, Python 3.9 or newer.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

MICROPYTHON_VERSION = "1.25.0"
SUITE = "trixie"
KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
UPSTREAM = "https://github.com/micropython/micropython.git"
SUBMODULES = ("lib/lwip", "lib/mbedtls", "lib/micropython-lib")

# Debian source package -> (version prefix that the build is known to work with, folder in lib/)
PACKAGES = {
    "micropython": (MICROPYTHON_VERSION, None),
    "lwip": ("2.2.", "lwip"),
    "mbedtls": ("3.6.", "mbedtls"),
}


class SourceError(Exception):
    """The sources could not be had; the text says what to do about it."""


def run(command: list[str], what: str, folder: pathlib.Path | None = None) -> str:
    """Run a command; returns its standard output, SourceError with its last words if it fails."""
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        last_words = "\n    ".join(result.stderr.strip().splitlines()[-5:])
        raise SourceError(f"{what} failed:\n    {last_words}")
    return result.stdout


def debian_mirror() -> str | None:
    """The URI of the mirror this machine's own apt uses for Debian's main archive, if any."""
    if not (shutil.which("apt-get") and KEYRING.exists()):
        return None
    system = {}
    for line in pathlib.Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        system[name] = value.strip('"')
    if system.get("ID") != "debian":
        return None
    codename = system.get("VERSION_CODENAME", "")
    targets = run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI) $(RELEASE) $(COMPONENT)",
            "Identifier: Packages",
        ],
        "reading the machine's apt sources",
    )
    for line in targets.splitlines():
        uri, release, component = line.split()
        if component == "main" and release == codename:
            return uri
    return None


def fetch_debian(mirror: str, work: pathlib.Path) -> dict[str, pathlib.Path]:
    """Download the source packages; returns the .orig tarball of each."""
    apt = work / "apt"
    downloads = work / "downloads"
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir(parents=True)
    (apt / "sources.list").write_text(
        f"deb-src [signed-by={KEYRING}] {mirror} {SUITE} main\n", encoding="utf-8"
    )
    options = {
        "Dir::Etc::SourceList": apt / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::Etc::Preferences": "-",
        "Dir::Etc::PreferencesParts": "-",
        "Dir::State": apt / "state",
        "Dir::State::Lists": apt / "state/lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
    }
    apt_get = ["apt-get", "-q"]
    for name, value in options.items():
        apt_get += ["-o", f"{name}={value}"]
    run([*apt_get, "update"], f"reading Debian {SUITE}'s list of source packages from {mirror}")
    run(
        [*apt_get, "source", "--download-only", *PACKAGES],
        "downloading the source packages of MicroPython, lwIP and mbedTLS",
        folder=downloads,
    )
    archives = {}
    for package, (version, _) in PACKAGES.items():
        found = sorted(downloads.glob(f"{package}_{version}*.orig.tar.*"))
        found = [path for path in found if path.suffix != ".asc"]
        if len(found) != 1:
            has = ", ".join(path.name for path in downloads.glob(f"{package}_*.dsc")) or "nothing"
            raise SourceError(
                f"Debian {SUITE} has {has} where {package} {version} is needed; give a "
                f"MicroPython {MICROPYTHON_VERSION} source tree with MICROPYTHON=<path>"
            )
        archives[package] = found[0]
    return archives


def unpack(archive: pathlib.Path, target: pathlib.Path) -> None:
    """Unpack a tarball with one top folder, so that the folder's content becomes `target`."""
    staging = target.with_name(target.name + ".unpacking")
    shutil.rmtree(staging, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(staging, filter="tar")
        else:
            tar.extractall(staging)
    (top,) = staging.iterdir()
    top.rename(target)
    staging.rmdir()


def from_debian(mirror: str, target: pathlib.Path) -> None:
    """Fill `target` with MicroPython, and lib/lwip and lib/mbedtls below it."""
    print(f"Fetching MicroPython {MICROPYTHON_VERSION}, lwIP and mbedTLS sources: Debian {SUITE}")
    work = target.with_name("sources")
    for package, archive in fetch_debian(mirror, work).items():
        place = PACKAGES[package][1]
        if place is None:
            unpack(archive, target)
        else:
            unpack(archive, work / package)
    for package, (_, place) in PACKAGES.items():
        if place is not None:
            link = target / "lib" / place
            if link.is_dir() and not link.is_symlink():
                link.rmdir()  # the empty folder of a submodule that Debian leaves out
            link.symlink_to(os.path.relpath(work / package, link.parent))


def from_git(target: pathlib.Path) -> None:
    """Fill `target` with a shallow clone of the upstream tag and the submodules ports need."""
    if shutil.which("git") is None:
        raise SourceError("git is needed to fetch MicroPython's sources; install it")
    print(f"Fetching MicroPython {MICROPYTHON_VERSION} sources: git tag v{MICROPYTHON_VERSION}")
    shutil.rmtree(target, ignore_errors=True)
    run(
        [
            "git",
            "clone",
            "-q",
            "--depth=1",
            f"--branch=v{MICROPYTHON_VERSION}",
            UPSTREAM,
            str(target),
        ],
        "cloning MicroPython",
    )
    run(
        ["git", "submodule", "update", "-q", "--init", "--depth=1", *SUBMODULES],
        "cloning MicroPython's submodules",
        folder=target,
    )


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=pathlib.Path, help="folder to fill, e.g. build/micropython")
    target = parser.parse_args().target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        mirror = debian_mirror()
        if mirror is not None:
            from_debian(mirror, target)
        else:
            from_git(target)
    except (SourceError, OSError) as error:
        print(f"MicroPython sources: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
