# SPDX-License-Identifier: MIT
"""The fuzzers, for a short while, and whether they would see a fault at all."""

import pytest

from tests.codec_builds import CODEC, CODEC_SOURCES
from tests.fuzz import fuzzer, make_corpus

SECONDS_IN_ALL = 30
PLANTED_SECONDS = 120  # at the most: it takes a few

# fuzzer: (file, what stands there, what breaks it)
PLANTED_FAULTS = {
    "a checksum that nobody looks at": (
        "decoder",
        "dlt645.c",
        "bytes[length - 2] == sum(",
        "bytes[length - 2] >= sum(",
    ),
    "a frame lost behind a false start": (
        "decoder",
        "dlt645.c",
        "        skip(d, 1);",
        "        skip(d, available);",
    ),
    "a read beyond the end": (
        "decoder",
        "dlt645.c",
        "if (available < length) {",
        "if (available + 1 < length) {",
    ),
    "a part of an item that comes out of turn": (
        "answer",
        "dlt645_answer.c",
        "frame->data[frame->length - 1] != request->sequence",
        "frame->data[frame->length - 1] < request->sequence",
    ),
    "a digit that is none": (
        "values",
        "dlt645_values.c",
        "(digits >> 2 | digits >> 1)",
        "(digits >> 2)",
    ),
    "a value too many": (
        "values",
        "dlt645_values.c",
        "if ((size_t)work->count == work->room) {",
        "if ((size_t)work->count > work->room) {",
    ),
    "a buffer that is too small": (
        "answer",
        "dlt645_answer.c",
        "if (answer->length > assembly->size - assembly->length) {",
        "if (answer->length > assembly->size) {",
    ),
}


@pytest.mark.parametrize("target", fuzzer.TARGETS)
def test_nothing_breaks_the_codec(target, tmp_path):
    seconds = SECONDS_IN_ALL // len(fuzzer.TARGETS)
    program = fuzzer.build(target)
    result = fuzzer.run(program, target, tmp_path, f"-max_total_time={seconds}", "-seed=645")
    assert result.returncode == 0, result.stderr[-8000:]


@pytest.mark.parametrize("fault", PLANTED_FAULTS)
def test_a_planted_fault_is_found(fault, tmp_path):
    target, file, sound, broken = PLANTED_FAULTS[fault]
    text = (CODEC / file).read_text(encoding="utf-8")
    assert text.count(sound) == 1, f"{file} has changed: plant this fault elsewhere"
    planted = tmp_path / file
    planted.write_text(text.replace(sound, broken), encoding="utf-8")
    codec = [planted if source.name == file else source for source in CODEC_SOURCES]
    program = fuzzer.build(target, codec, f"fuzz_{target}_planted")
    result = fuzzer.run(
        program, target, tmp_path / "found", f"-max_total_time={PLANTED_SECONDS}", "-seed=645"
    )
    assert result.returncode != 0


def test_the_committed_corpus_is_what_the_script_makes():
    made = {fuzzer.CORPUS / target / name: text for target, name, text in make_corpus.inputs()}
    kept = {path: path.read_bytes() for path in fuzzer.CORPUS.glob("*/*")}
    assert kept == made
