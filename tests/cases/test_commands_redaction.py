"""Secrets in what commands print and in what log files say."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from scheduler_defs.jobs.commands.running.output import LONGEST_TAIL_BYTES, CommandOutput
from scheduler_defs.jobs.log_triage import report
from scheduler_defs.jobs.log_triage.triage import triage
from scheduler_defs.redaction import redact
from scheduler_defs.redaction.known_values import hide

KEY = "-----BEGIN\nabcdef123456\n-----END"


@pytest.mark.case("commands-C10")
@pytest.mark.parametrize(
    ("secret", "text"),
    [
        (KEY, KEY),
        (KEY, "exit code 3; last lines: abcdef123456 -----END"),
        (KEY, repr(KEY)),
        (KEY, json.dumps({"key": KEY})),
        (KEY, json.dumps(json.dumps({"key": KEY}))),
        ("s3cr3tvalue\n", "token s3cr3tvalue rejected"),
        ('pa"ss\\w ord/1', json.dumps('pa"ss\\w ord/1')),
        ('pa"ss\\w ord/1', "GET /?x=" + quote('pa"ss\\w ord/1', safe="")),
        ('pa"ss\\w ord/1', "GET /?x=" + quote('pa"ss\\w ord/1', safe="").lower()),
        ('pa"ss\\w ord/1', "GET /?x=" + quote_plus('pa"ss\\w ord/1')),
        ("s3cr3tvalue", "Basic " + base64.b64encode(b"u:s3cr3tvalue").decode()),
        ("s3cr3tvalue", "Basic " + base64.b64encode(b"us:s3cr3tvalue;").decode()),
        ("s3cr3tvalue", "Basic " + base64.b64encode(b"s3cr3tvalue").decode()),
        ("s3cr3t\xff??value", base64.urlsafe_b64encode("s3cr3t\xff??value".encode()).decode()),
        ("s3cr3tvalue", b"s3cr3tvalue".hex()),
    ],
)
def test_given_a_listed_secret_in_any_form_then_none_of_it_is_shown(secret: str, text: str) -> None:
    shown = hide(text, [secret])
    assert "***" in shown
    for part in ("abcdef123456", "s3cr3tvalue", "ord", "czNjcjN0", "MzY3IzdHZhb", "zM2NyM3R2YWx1", "733363"):
        assert part not in shown


@pytest.mark.case("commands-C10")
def test_given_short_values_then_words_that_contain_them_stay() -> None:
    assert hide("failed: the key is E", ["E", "", " ", "abc"]) == "failed: the key is E"
    assert hide("a\nshort\nline", ["aaaa\nline"]) == "a\nshort\nline"


@pytest.mark.case("commands-C10")
def test_given_a_value_that_the_tail_cuts_in_two_then_no_part_of_it_is_shown(tmp_path: Path) -> None:
    secret = "0123456789" * 40
    with (tmp_path / "out").open("wb") as file, CommandOutput(file.fileno(), file.fileno()) as output:
        for padding in ("x" * (LONGEST_TAIL_BYTES - 100), "x\n" * ((LONGEST_TAIL_BYTES - 100) // 2)):
            subprocess.run(
                [sys.executable, "-c", f"print({secret!r} + {padding!r}, end='')"],
                stdout=output.stdout,
                check=True,
            )
            assert "6789" not in " ".join(output.tail([secret]).lines)
            os.ftruncate(file.fileno(), 0)


@pytest.mark.case("commands-X-redact-names")
@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("ERROR env DB_PASS=hunter2", "hunter2"),
        ("MYSQL_PASS=hunter2", "hunter2"),
        ('{"pass":"hunter2"}', "hunter2"),
        ('{"db_pass": "hunter2"}', "hunter2"),
        ("DB_PASS: hunter2", "hunter2"),
        ("pw=hunter2", "hunter2"),
        ('"password": "ab\\"cd-secret"', "cd-secret"),
        ("postgresql://app:p@ss/w0rd@db", "w0rd"),
        ("CREATE USER a IDENTIFIED BY 'hunter2'", "hunter2"),
        ("ALTER ROLE a WITH PASSWORD 'hun''ter2'", "ter2"),
        ("the password is hunter2", "hunter2"),
        ("password was 'swordfish'", "swordfish"),
        ("mysql -phunter2", "hunter2"),
        ("curl -u bob:hunter2 x", "hunter2"),
        ("sshpass -p hunter2 ssh x", "hunter2"),
        ("redis-cli -h x -a hunter2 ping", "hunter2"),
        ("<password>hunter2</password>", "hunter2"),
        ("<db:secret type='x'>hunter2</db:secret>", "hunter2"),
        ("PHPSESSID=hunter2", "hunter2"),
        ("connect.sid=hunter2", "hunter2"),
        ("https://hooks.slack.com/services/T0/B0/hunter2", "hunter2"),
        ("SG.abcdefghijklmnop1234.qrstuvwxyzabcdef5678", "abcdefghijklmnop1234"),
        ("SG.abcdefghijklmnop1234.qrstuvwxyzabcdef5678", "qrstuvwxyz"),
        ("key-0123456789abcdef0123456789abcdef", "0123456789abcdef"),
        ("dop_v1_0123456789abcdef0123456789abcdef", "0123456789abcdef"),
        ("AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQ", "QQQQQQQQ"),
        ('Authorization: Digest username="a", response="6629fae49393a05397450978507c4ef1"', "6629fae4"),
        ('digest response="6629fae49393a05397450978507c4ef1"', "6629fae4"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=AK/x, Signature=fe5f80f77d5fa3beca038a", "fe5f80f7"),
        ("X Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe", "fe5f80f7"),
        ("key 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "9f86d081"),
        ("otp JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "JBSWY3DP"),
        ("aws wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "K7MDENG"),
        ("from ::1 port 22", "::1"),
        ("from ::dead:beef port 22", "dead:beef"),
        ("host ip-10-11-12-13 down", "10-11-12-13"),
    ],
)
def test_given_a_secret_by_its_name_or_shape_then_it_is_removed(text: str, secret: str) -> None:
    shown = redact(text)
    assert secret not in shown
    assert "[redacted]" in shown or "[ip]" in shown


@pytest.mark.case("commands-X-redact-names")
@pytest.mark.parametrize(
    "text",
    ["std::add::sub of a program", "first pass: 3 of 5", "compass = north", "sideways=3"],
)
def test_given_words_that_only_look_alike_then_they_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.case("commands-X-redact-paths")
def test_given_a_folder_named_by_address_then_the_report_does_not_show_the_address(tmp_path: Path) -> None:
    log = tmp_path / "10.1.2.3" / "messages"
    log.parent.mkdir()
    log.write_text("ERROR it broke\n")
    (tmp_path / "10.1.2.4.gz").write_bytes(b"\x1f\x8b damaged")
    found = report.data(triage([f"{tmp_path}/**"], tmp_path / "state"))
    assert "[ip]/messages" in found["files"][-1]["path"] and found["problems"][0]["path"].endswith("[ip].gz")
    assert "10.1.2" not in json.dumps(found)
