"""Fetch the MicroPython packages frozen into images: umqtt.simple and logging.

They are bare source archives on the Python package index, which pip cannot install; `unearth`
finds and downloads them, their hashes are pinned here. They are laid out as micropython-lib is, so
that one manifest (`require("umqtt.simple")`) serves this folder and a full upstream checkout.
"""

import argparse
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile

# package -> (version, SHA-256 of the source archive, place in micropython-lib, what to freeze)
PACKAGES = {
    "micropython-umqtt.simple": (
        "1.3.4",
        "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f",
        "micropython/umqtt.simple",
        "umqtt",
    ),
    "micropython-logging": (
        "0.5.2",
        "4fe714775fa6cafc2466bac7fe28485c13610470d3ea2bddac956bcd89b4453d",
        "python-stdlib/logging",
        "logging",
    ),
}


def fetch(
    unearth: str, package: str, version: str, sha256: str, folder: pathlib.Path
) -> pathlib.Path:
    """Download one source archive into `folder` and check its hash; ValueError when it differs."""
    archive = folder / f"{package}-{version}.tar.gz"
    if not archive.exists():
        subprocess.run(
            [unearth, "--download", str(folder), f"{package}=={version}"],
            check=True,
            capture_output=True,
            text=True,
        )
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != sha256:
        archive.unlink()
        raise ValueError(f"{archive.name} has SHA-256 {found}, {sha256} is pinned: not used")
    return archive


def lay_out(archive: pathlib.Path, version: str, place: pathlib.Path, name: str) -> None:
    """Unpack the Python package `name` of the archive to `place`, beside a manifest for it."""
    shutil.rmtree(place, ignore_errors=True)
    (place / name).mkdir(parents=True)
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            parts = pathlib.PurePosixPath(member.name).parts
            if member.isfile() and len(parts) == 3 and parts[1] == name:
                source = tar.extractfile(member)
                assert source is not None
                (place / name / parts[2]).write_bytes(source.read())
    (place / "manifest.py").write_text(
        f'metadata(version="{version}")\n\npackage("{name}")\n', encoding="utf-8"
    )


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=pathlib.Path, help="folder to fill")
    parser.add_argument("--unearth", default="unearth", help="the unearth program")
    arguments = parser.parse_args()
    target = arguments.target
    downloads = target.with_name("sources") / "packages"
    downloads.mkdir(parents=True, exist_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    for package, (version, sha256, place, name) in PACKAGES.items():
        print(f"Fetching {package} {version}")
        try:
            archive = fetch(arguments.unearth, package, version, sha256, downloads)
        except subprocess.CalledProcessError as error:
            last_words = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
            print(f"{package}=={version} could not be downloaded: {last_words}", file=sys.stderr)
            return 1
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr)
            return 1
        lay_out(archive, version, target / place, name)
    (target / "README.md").write_text(
        "Fetched MicroPython packages, in the layout of micropython-lib.\n", encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
